import { describe, expect, test } from 'vitest';
import { helpPage } from '../src/command/help.ts';
import { options } from '../src/command/options.ts';
import { parseCommand } from '../src/command/parse.ts';
import { commandOf, expectSameRun } from '../src/command/repeat.ts';
import { UsageError } from '../src/command/usageError.ts';
import { configure } from '../src/config.ts';
import { presets } from '../src/presets.ts';
import type { RunRecord } from '../src/record/run.ts';

describe('the command line', () => {
  test('nothing given asks for nothing', () => {
    expect(parseCommand([])).toEqual({ help: false, changes: {} });
  });

  test('flags are read into what they change', () => {
    const line =
      '--preset smoke --teacher resnet20 --student seed-cnn --method tutorial --temperature 2.5 --epochs 3 --engine cpu --out=x';
    expect(parseCommand(line.split(' '))).toEqual({
      help: false,
      preset: 'smoke',
      engine: 'cpu',
      out: 'x',
      changes: {
        teacher: 'resnet20',
        student: 'seed-cnn',
        method: 'tutorial',
        temperature: 2.5,
        epochs: 3,
      },
    });
  });

  test.each([
    ['3', [0, 1, 2]],
    ['4,7', [4, 7]],
    ['7,', [7]],
  ])('--seeds %s', (text, seeds) => {
    expect(parseCommand(['--seeds', text]).changes.seeds).toEqual(seeds);
  });

  test('--resume may do without a folder', () => {
    expect(parseCommand(['--resume']).resume).toBe('');
    expect(parseCommand(['--resume', '--epochs', '3'])).toMatchObject({
      resume: '',
      changes: { epochs: 3 },
    });
    expect(parseCommand(['--resume', 'runs/x']).resume).toBe('runs/x');
  });

  test.each([
    [
      ['--epoch', '3'],
      /^distill: expected one of --preset, .*, --help, got --epoch; --help explains them\.$/,
    ],
    [['-x'], /^distill: expected one of .*, got -x; --help explains them\.$/],
    [['runs/x'], /^distill: expected flags only, got 'runs\/x'; --help lists them\.$/],
    [
      ['--preset', 'big'],
      /^--preset: expected one of smoke, quick, quick-wasm, survey, standard, pretrained, tutorial, got big\.$/,
    ],
    [['--preset', 'toString'], /^--preset: expected one of .*, got toString\.$/],
    [['--preset'], /^--preset: expected a name, got nothing\.$/],
    [
      ['--epochs', '1', '--epochs', '2'],
      /^--epochs: expected one value, got the flag twice; leave one out\.$/,
    ],
    [['--epochs', '0'], /^--epochs: expected a whole number of epochs ≥ 1, got 0\.$/],
    [['--epochs', '1.5'], /^--epochs: expected a whole number of epochs ≥ 1, got 1\.5\.$/],
    [['--epochs=-2'], /^--epochs: expected a whole number of epochs ≥ 1, got -2\.$/],
    [['--temperature', '0'], /^--temperature: expected a temperature > 0, got 0\.$/],
    [['--temperature', 'warm'], /^--temperature: expected a temperature > 0, got warm\.$/],
    [
      ['--seeds', '0'],
      /^--seeds: expected how many seeds \(3\), or a list of different whole numbers below 2³² \(0,1,2\), got 0\.$/,
    ],
    [['--seeds', '1,1'], /^--seeds: expected .*, got 1,1\.$/],
    [['--engine', 'gpu'], /^--engine: expected one of tensorflow, webgpu, wasm, cpu, got gpu\.$/],
    [['--out', ''], /^--out: expected a folder, got nothing\.$/],
    [['--help=yes'], /^--help: expected no value, got yes\.$/],
  ])('%j is refused by name', (args, message) => {
    expect(() => parseCommand(args)).toThrow(UsageError);
    expect(() => parseCommand(args)).toThrow(message);
  });

  test('the help page names every flag and preset', () => {
    for (const name of [
      ...Object.keys(options).map((flag) => `--${flag}`),
      ...Object.keys(presets),
    ])
      expect(helpPage()).toContain(name);
  });
});

describe('a preset and its changes', () => {
  test('rates belong to an architecture, a temperature to a method', () => {
    const changed = configure('quick', presets.quick, {
      student: 'seed-cnn',
      method: 'tutorial',
      epochs: 2,
    });
    expect(changed.student).toEqual({
      architecture: 'seed-cnn',
      epochs: 2,
      peakRate: 0.02,
      clipNorm: 1,
    });
    expect(changed.distillation).toMatchObject({ method: 'tutorial', temperature: 1 });
    expect(configure('quick', presets.quick, { temperature: 7 }).distillation).toEqual({
      ...presets.quick.distillation,
      temperature: 7,
    });
    expect(configure('quick', presets.quick, {}).distillation).toEqual(presets.quick.distillation);
  });

  test('a run says how to repeat it', () => {
    expect(commandOf('quick', 'wasm', { epochs: 3, seeds: [7] })).toBe(
      'npm run distill -- --preset quick --epochs 3 --seeds 7, --engine wasm',
    );
  });

  test('flags beside --resume must be those of the run', () => {
    const record = {
      config: configure('quick', presets.quick, {}),
      environment: { engine: { name: 'tensorflow' } },
    } as RunRecord;
    expect(() =>
      expectSameRun(
        parseCommand(['--resume', '--preset', 'quick', '--seeds', '1']),
        record,
        'runs/x',
      ),
    ).not.toThrow();
    expect(() =>
      expectSameRun(parseCommand(['--resume', '--epochs', '99']), record, 'runs/x'),
    ).toThrow(
      `--epochs: expected ${record.config.student.epochs}, as in runs/x, got 99; leave it out, or start a new run.`,
    );
    expect(() =>
      expectSameRun(parseCommand(['--resume', '--engine', 'cpu']), record, 'runs/x'),
    ).toThrow('--engine: expected tensorflow, as in runs/x');
    expect(() => expectSameRun(parseCommand(['--resume', '--out', 'y']), record, 'runs/x')).toThrow(
      '--out: expected nothing beside --resume, got y',
    );
  });
});
