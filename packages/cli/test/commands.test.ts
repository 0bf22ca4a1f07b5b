import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseFlags, readOverrides } from '../src/commands/flags.ts';
import { renderHelp, renderOverview } from '../src/commands/help.ts';
import { commands, runCommandLine } from '../src/commands/runCommandLine.ts';
import { configure } from '../src/experiment/configure.ts';
import {
  architectureNames,
  flagNames,
  methodNames,
  presetFiles,
} from '../src/experiment/formerNames.ts';
import { UsageError } from '../src/experiment/usageError.ts';
import { type ExperimentRun, readRun } from '../src/run/runDirectory.ts';
import { expectSameRun, formatFlags } from '../src/run/runExperiment.ts';
import { experiment } from './fixtures/tinyExperiment.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-commands-'));
const experimentFile = fileURLToPath(new URL('fixtures/tinyExperiment.ts', import.meta.url));
afterAll(() => rmSync(root, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
});

const parseRun = (args: readonly string[]) =>
  parseFlags('run', commands.run?.flags ?? [], 'file', args);
const overridesOf = (args: readonly string[]) => readOverrides(parseRun(args));

/** A text in the output after which the next command gets a Ctrl-C. */
let interruptAfter: string | undefined;

/** Runs a command line. @returns Its exit code and what it printed. */
async function kd(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const printed = { output: '', errors: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.output += String(text);
    if (interruptAfter !== undefined && String(text).includes(interruptAfter)) {
      interruptAfter = undefined;
      process.emit('SIGINT');
    }
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed.errors += String(text);
    return true;
  });
  try {
    return { code: await runCommandLine(args), ...printed };
  } finally {
    vi.restoreAllMocks();
  }
}

describe('flags', () => {
  test('without any, nothing is overridden', () => {
    expect(overridesOf([])).toEqual({});
  });

  test('override fields of the experiment', () => {
    const line =
      'quick.ts --teacher resnet20 --student tutorial-cnn --method tutorialLoss --temperature 2.5 --epochs 3 --images 500 --engine cpu --out=x';
    const read = parseRun(line.split(' '));
    expect(read.operand).toBe('quick.ts');
    expect(read.values.get('engine')).toBe('cpu');
    expect(read.values.get('out')).toBe('x');
    expect(readOverrides(read)).toEqual({
      teacher: 'resnet20',
      student: 'tutorial-cnn',
      method: 'tutorialLoss',
      temperature: 2.5,
      epochs: 3,
      images: 500,
    });
  });

  test.each([
    ['3', [0, 1, 2]],
    ['4,7', [4, 7]],
    ['7,', [7]],
  ])('--seeds %s', (text, seeds) => {
    expect(overridesOf(['--seeds', text]).seeds).toEqual(seeds);
  });

  test('--resume may do without a directory', () => {
    expect(parseRun(['--resume']).values.get('resume')).toBe('');
    const read = parseRun(['--resume', '--epochs', '3']);
    expect([read.values.get('resume'), readOverrides(read)]).toEqual(['', { epochs: 3 }]);
    expect(parseRun(['--resume', 'runs/x']).values.get('resume')).toBe('runs/x');
  });

  test.each([
    [
      ['--epoch', '3'],
      /^kd run: expected one of --teacher, .*, --help, got --epoch; --help explains them\.$/,
    ],
    [['-x'], /^kd run: expected one of .*, got -x; --help explains them\.$/],
    [['a.ts', 'b.ts'], /^kd run: expected one file, got 'b\.ts'; --help lists the flags\.$/],
    [['--teacher', 'big'], /^--teacher: expected one of student-cnn, .*, got big\.$/],
    [['--teacher', 'toString'], /^--teacher: expected one of .*, got toString\.$/],
    [['--teacher'], /^--teacher: expected a name, got nothing\.$/],
    [
      ['--epochs', '1', '--epochs', '2'],
      /^--epochs: expected one value, got the flag twice; leave one out\.$/,
    ],
    [['--epochs', '0'], /^--epochs: expected a whole number of epochs ≥ 1, got 0\.$/],
    [['--epochs', '1.5'], /^--epochs: expected a whole number of epochs ≥ 1, got 1\.5\.$/],
    [['--epochs=-2'], /^--epochs: expected a whole number of epochs ≥ 1, got -2\.$/],
    [['--images', '99'], /^--images: expected a whole number of images ≥ 100, got 99\.$/],
    [['--temperature', '0'], /^--temperature: expected a temperature > 0, got 0\.$/],
    [['--temperature', 'warm'], /^--temperature: expected a temperature > 0, got warm\.$/],
    [
      ['--seeds', '0'],
      /^--seeds: expected how many seeds \(3\), or a list of different whole numbers below 2³² \(0,1,2\), got 0\.$/,
    ],
    [['--seeds', '1,1'], /^--seeds: expected .*, got 1,1\.$/],
    [['--help=yes'], /^--help: expected no value, got yes\.$/],
  ])('%j is refused by name', (args, message) => {
    expect(() => overridesOf(args)).toThrow(UsageError);
    expect(() => overridesOf(args)).toThrow(message);
  });

  test.each([
    [['--engine', 'gpu'], '--engine: expected one of tensorflow, webgpu, wasm, cpu, got gpu.'],
    [['--out', ''], '--out: expected a directory, got nothing.'],
  ])('%j is refused by the command', async (args, message) => {
    expect(await kd('run', experimentFile, ...args)).toMatchObject({
      code: 2,
      errors: `kd: ${message}\n`,
    });
  });
});

describe('former names are refused with what replaces them', () => {
  test.each(Object.entries(methodNames))('--method %s', (former, name) => {
    expect(() => overridesOf(['--method', former])).toThrow(
      `--method: expected ${name}, got its former name ${former}.`,
    );
  });

  test.each(Object.entries(architectureNames))('--student %s', (former, name) => {
    expect(() => overridesOf(['--student', former])).toThrow(
      `--student: expected ${name}, got its former name ${former}.`,
    );
  });

  test.each(Object.entries(flagNames))('--%s', (former, name) => {
    expect(() => overridesOf([`--${former}`])).toThrow(
      `--${former}: expected --${name}, got its former name --${former}.`,
    );
  });

  test.each(Object.entries(presetFiles))('--preset %s', (former, file) => {
    expect(existsSync(new URL(`../../../${file}`, import.meta.url))).toBe(true);
    expect(() => overridesOf(['--preset', former])).toThrow(
      `--preset: expected an experiment file, got its former name --preset ${former}; npm run kd -- run ${file}.`,
    );
  });
});

describe('help', () => {
  const pages = Object.entries(commands).map(
    ([name, command]) => [name, renderHelp(name, command)] as const,
  );

  test('pages fit 80 columns, and columns have a gap', () => {
    for (const page of [renderOverview(commands), ...pages.map(([, text]) => text)])
      for (const line of page.split('\n')) {
        expect(line.length).toBeLessThanOrEqual(80);
        if (/^ {2}(--|[a-z]+ <)/.test(line)) expect(line).toMatch(/^ {2}\S.*?\S {2,}\S/);
        expect(line).not.toMatch(/\.\.$|[.?!]\.|\s$/);
      }
  });

  test.each(pages)('kd %s --help names every flag', async (name, page) => {
    for (const flag of commands[name]?.flags ?? []) expect(page).toContain(`--${flag}`);
    expect(await kd(name, '--help')).toEqual({ code: 0, output: page, errors: '' });
  });

  test('the overview names every command; an unknown one is refused', async () => {
    const { code, output } = await kd('--help');
    expect(code).toBe(0);
    for (const name of Object.keys(commands)) expect(output).toContain(`\n  ${name} `);
    expect(await kd('train')).toMatchObject({
      code: 2,
      errors:
        'kd: expected one of run, distill, inspect, evaluate, export, report, survey, doctor, install, got train; kd --help explains them.\n',
    });
  });

  test('no page or message says npx kd, which is another package', () => {
    for (const [, page] of pages) expect(page).not.toMatch(/npx kd\b(?!-)/);
  });
});

describe('a run in files', () => {
  const directory = path.join(root, 'run');
  const run = (...flags: string[]) => kd('run', experimentFile, '--engine', 'wasm', ...flags);

  beforeAll(async () => {
    const { code, output } = await run('--out', directory);
    expect(output).toContain('Report: ');
    expect(code).toBe(0);
  });

  test('records the command that repeats it, and its module', () => {
    const record = JSON.parse(readFileSync(path.join(directory, 'run.json'), 'utf8'));
    expect(record.command).toBe(`npm run kd -- run ${experimentFile} --engine wasm`);
    expect(record.config).toMatchObject({ experiment: 'tiny', module: experimentFile });
  });

  test('kd evaluate prints the networks of a run without training', async () => {
    const { code, output } = await kd('evaluate', directory, '--engine', 'wasm');
    expect(code).toBe(0);
    const record = JSON.parse(readFileSync(path.join(directory, 'run.json'), 'utf8'));
    for (const name of ['teacher', 'baseline-3', 'distilled-3']) {
      const accuracy = (100 * record.results[name].test.top1).toFixed(2);
      expect(output).toMatch(new RegExp(`^${name} +student-cnn +${accuracy} %`, 'm'));
    }
  });

  test('kd evaluate prints a file of weights', async () => {
    const weights = path.join(directory, 'distilled-3/best.safetensors');
    const { code, output, errors } = await kd(
      ...['evaluate', weights, '--architecture', 'student-cnn'],
      ...['--experiment', experimentFile, '--engine', 'wasm'],
    );
    expect([code, errors]).toEqual([0, '']);
    expect(output).toMatch(/best\.safetensors +student-cnn +\d+\.\d\d %/);
    expect(await kd('evaluate', weights)).toMatchObject({
      code: 2,
      errors:
        'kd: --architecture: expected the name of a network, beside a file of weights, got nothing.\n',
    });
  });

  test('kd report writes the page again', async () => {
    const page = path.join(directory, 'report.html');
    const before = readFileSync(page, 'utf8');
    rmSync(page);
    expect(await kd('report', directory)).toMatchObject({ code: 0 });
    expect(readFileSync(page, 'utf8')).toBe(before);
  });

  test('images that are not those of the run are refused', async () => {
    const other = path.join(root, 'other.mjs');
    const images = new URL('../../data/src/index.ts', import.meta.url).href;
    writeFileSync(
      other,
      `import { imageDataset } from '${images}';
const set = () => imageDataset({ pixels: new Uint8Array(64 * 192), labels: Array.from({ length: 64 }, (_, row) => row % 4), imageShape: [8, 8, 3], classNames: ['a', 'b', 'c', 'd'] });
export const dataset = () => ({ train: set(), test: set(), source: 'zeros' });`,
    );
    const { code, errors } = await kd('report', directory, '--experiment', other);
    expect(code).toBe(1);
    expect(errors).toMatch(
      /: expected the test images of .*; these are other images; --data or --experiment names others/,
    );
  });

  test('--resume goes on with a run of the same experiment, and refuses another', async () => {
    const again = await run('--resume', directory);
    expect(again).toMatchObject({ code: 0 });
    const record = JSON.parse(readFileSync(path.join(directory, 'run.json'), 'utf8'));
    const renamed = path.join(root, 'renamed');
    cpSync(directory, renamed, { recursive: true });
    record.config.experiment = 'quick';
    writeFileSync(path.join(renamed, 'run.json'), JSON.stringify(record));
    const { code, errors } = await run('--resume', renamed);
    expect(code).toBe(2);
    expect(errors).toMatch(
      /^kd: --resume: expected a run of tiny, got .*renamed of quick; its own command goes on with it: npm run kd -- run .*tinyExperiment\.ts --resume .*renamed\.\n$/,
    );
  });

  test('Ctrl-C saves, and the printed command goes on', async () => {
    const target = path.join(root, 'interrupted');
    interruptAfter = '[2/6]';
    const { code, output } = await run('--out', target);
    expect(code).toBe(130);
    expect(output).toContain('Stopping after this step; Ctrl-C once more stops at once.');
    const shown = path.relative('.', target);
    expect(output).toContain(
      `Interrupted; saved. To go on: npm run kd -- run ${experimentFile} --resume ${shown}\n`,
    );
    expect((await readRun(target))?.status).toBe('interrupted');
    expect(await run('--resume', target)).toMatchObject({ code: 0 });
    expect((await readRun(target))?.status).toBe('finished');
  });

  test('kd distill takes images from a module', async () => {
    const { code, output, errors } = await kd(
      ...['distill', '--data', experimentFile, '--engine', 'wasm'],
      ...['--teacher', 'student-cnn', '--student', 'student-cnn', '--resume', directory],
    );
    expect([code, output]).toEqual([2, '']);
    expect(errors).toContain('--resume: expected a run of distill, got');
    expect(await kd('distill')).toMatchObject({ code: 2 });
  });
});

describe('a run of the format before', () => {
  const directory = path.join(root, 'format1');
  beforeAll(() => {
    cpSync(
      new URL('fixtures/runOfFormat1.json', import.meta.url),
      path.join(directory, 'run.json'),
    );
  });

  test.each([
    ['run', [experimentFile, '--resume', directory]],
    ['report', [directory]],
    ['evaluate', [directory]],
  ])('is refused by kd %s with what to do', async (command, args) => {
    const { code, errors } = await kd(command, ...args);
    expect(code).toBe(1);
    expect(errors).toMatch(
      /^kd: .*run\.json.*: expected a run record of format 2, got format 1; .+\n$/,
    );
  });
});

describe('modules', () => {
  test.each([
    ['nothing.ts', /^kd: expected a module, got no such file: .*nothing\.ts\.\n$/],
    ['empty.mjs', /empty\.mjs: expected a module that exports experiment, got one without; export/],
    ['wrong.mjs', /wrong\.mjs: name: expected a name of letters, .*, got 3\.\n$/],
  ])('%s is refused', async (name, message) => {
    writeFileSync(path.join(root, 'empty.mjs'), '');
    writeFileSync(path.join(root, 'wrong.mjs'), 'export const experiment = { name: 3 };');
    const { code, errors } = await kd('run', path.join(root, name));
    expect(code).toBe(2);
    expect(errors).toMatch(message);
  });
});

describe('bin/kd.js', () => {
  const bin = fileURLToPath(new URL('../bin/kd.js', import.meta.url));

  test('starts kd; kd install is kd-engine install', () => {
    const { status, stderr } = spawnSync(process.execPath, [bin, 'install', '--version', 'new'], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([
      2,
      'kd-engine install: expected --version with a version such as 2.21 or 2.21.0, got new.\n',
    ]);
  });
});

describe('a group of processes', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('is refused', async () => {
    vi.stubEnv('KD_CLUSTER', '{}');
    const { code, errors } = await kd('run', experimentFile);
    expect([code, errors]).toEqual([
      1,
      'kd: expected a process of its own, got a group (KD_CLUSTER); kd does not share a run between processes; train() of @kd/trainer does.\n',
    ]);
  });
});

describe('a run and its command', () => {
  const config = configure(experiment, { seeds: [1] });
  const record = {
    command: 'npm run kd -- run tiny.ts --engine tensorflow',
    config,
    environment: { engine: { name: 'tensorflow' } },
  } as ExperimentRun;
  const check = (args: readonly string[]) => {
    const line = parseRun(args);
    const engine = line.values.get('engine') as 'cpu' | undefined;
    const out = line.values.get('out');
    expectSameRun(
      {
        experiment,
        overrides: readOverrides(line),
        ...(engine !== undefined && { engine }),
        ...(out !== undefined && { out }),
      },
      record,
      'runs/x',
    );
  };

  test('flags that repeat a run', () => {
    expect(
      formatFlags({ epochs: 3, seeds: [7], teacherWeights: 'a', asPublished: true }, 'wasm'),
    ).toBe(' --epochs 3 --seeds 7, --teacher-weights a --as-published --engine wasm');
  });

  test('flags beside --resume must be those of the run', () => {
    expect(() => check(['--resume', '--seeds', '1,'])).not.toThrow();
    expect(() => check(['--resume', '--epochs', '99'])).toThrow(
      '--epochs: expected 2, as in runs/x, got 99; leave it out, or start a new run.',
    );
    expect(() => check(['--resume', '--engine', 'cpu'])).toThrow(
      '--engine: expected tensorflow, as in runs/x',
    );
    expect(() => check(['--resume', '--out', 'y'])).toThrow(
      '--out: expected nothing beside --resume, got y',
    );
  });
});
