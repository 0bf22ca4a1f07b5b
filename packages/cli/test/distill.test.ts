import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCommandLine } from '../src/commands/runCommandLine.ts';
import type { LoadedDataset } from '../src/experiment/dataset.ts';
import { type ExperimentRun, readRun } from '../src/run/runDirectory.ts';
import { stripes } from './fixtures/tinyRun.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-distill-'));
const flowers = path.join(root, 'my flowers');
const short = [
  ...['--engine', 'wasm', '--teacher', 'student-cnn', '--teacher-epochs', '1'],
  ...['--epochs', '2'],
];

/** Writes images as PNG files, a directory a class. */
async function writeFolder(
  directory: string,
  { train, test: tested }: LoadedDataset,
): Promise<void> {
  for (const [split, set] of Object.entries({ train, test: tested })) {
    if (set === undefined) continue;
    const [height, width, channels] = set.imageShape as [number, number, 3];
    for (const index of set.indices) {
      const name = set.classNames[set.labels[index] as number] as string;
      const target = path.join(directory, split, name);
      mkdirSync(target, { recursive: true });
      const file = path.join(target, `${String(index).padStart(3, '0')}.png`);
      await sharp(set.images.read(index).slice(), { raw: { width, height, channels } }).toFile(
        file,
      );
    }
  }
}

beforeAll(async () => {
  vi.stubEnv('KD_CACHE', path.join(root, 'cache'));
  await writeFolder(flowers, stripes());
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

/** Runs a command line. @returns Its exit code and what it printed. */
async function kd(
  args: readonly string[],
  interruptAfter?: string,
): Promise<{ code: number; output: string; errors: string }> {
  const printed = { output: '', errors: '' };
  let wanted = interruptAfter;
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.output += String(text);
    if (wanted !== undefined && String(text).includes(wanted)) {
      wanted = undefined;
      process.emit('SIGINT');
    }
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    // Progress goes there too.
    if (String(text).startsWith('kd')) printed.errors += String(text);
    return true;
  });
  try {
    return { code: await runCommandLine(args), ...printed };
  } finally {
    vi.restoreAllMocks();
  }
}

const resultsOf = ({ results }: ExperimentRun) =>
  Object.entries(results).map(([name, { test: metrics }]) => [name, metrics.top1, metrics.loss]);

/** Takes a command line of run.json apart as a shell does. */
const splitCommand = (command: string) =>
  Array.from(command.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? '');

describe('a folder of pictures', () => {
  const directory = path.join(root, 'run');
  let printed = '';
  let record: ExperimentRun;
  beforeAll(async () => {
    const { code, output, errors } = await kd([
      ...['distill', '--data', flowers, '--out', directory],
      ...short,
    ]);
    expect([errors, code]).toEqual(['', 0]);
    printed = output;
    record = (await readRun(directory)) as ExperimentRun;
  });

  test('ends with a report', () => {
    expect(printed).toMatch(/The distilled student .* than the same student trained alone/);
    expect(printed).toMatch(/Report: .*report\.html\n/);
    const page = readFileSync(path.join(directory, 'report.html'), 'utf8');
    expect(page).toContain('<h2>Choices</h2>');
    expect(page).toContain('<h2>Data</h2>');
  });

  test('choices are printed with their reasons, and recorded', () => {
    const { choices = [] } = record;
    expect(choices).toContainEqual({
      what: 'image size',
      value: '8 × 8, as they are',
      why: 'all are small squares of one size',
    });
    expect(choices.map(({ what }) => what)).toEqual([
      ...['image size', 'validation images', 'student', 'method', 'images', 'batch size'],
      ...['sampling', 'augmentation'],
    ]);
    for (const { what, value, why } of choices)
      expect(printed).toMatch(
        new RegExp(`^  ${what} +${quoteForRegExp(value)} \\(${quoteForRegExp(why)}\\)$`, 'm'),
      );
  });

  test('the record has what it takes to find the images again', () => {
    expect(record.config).toMatchObject({
      experiment: 'distill',
      data: { source: flowers, size: 'asGiven' },
      images: { train: 43, validation: 4, test: 16 },
      optimizer: { batchSize: 8 },
    });
    expect(record.data.preparation).toContain('as given');
  });

  test('the recorded command gives the same numbers', async () => {
    const again = path.join(root, 'again');
    const [, , , , ...args] = splitCommand(record.command);
    expect(args.slice(0, 3)).toEqual(['distill', '--data', flowers]);
    expect(await kd([...args, '--out', again])).toMatchObject({ code: 0, errors: '' });
    const repeated = (await readRun(again)) as ExperimentRun;
    expect(repeated.command).toBe(record.command);
    expect(resultsOf(repeated)).toEqual(resultsOf(record));
  });

  test('kd evaluate and kd report find the images', async () => {
    const { code, output } = await kd(['evaluate', directory, '--engine', 'wasm']);
    expect(code).toBe(0);
    const accuracy = (100 * (record.results['distilled-0']?.test.top1 ?? 0)).toFixed(2);
    expect(output).toMatch(new RegExp(`^distilled-0 +student-cnn +${accuracy} %`, 'm'));
    expect(await kd(['report', directory])).toMatchObject({ code: 0 });
  });

  test('images that have moved are named by --data, other ones refused', async () => {
    const moved = path.join(root, 'moved');
    renameSync(flowers, moved);
    try {
      expect(await kd(['report', directory])).toMatchObject({ code: 1 });
      expect(await kd(['report', directory, '--data', moved])).toMatchObject({ code: 0 });
    } finally {
      renameSync(moved, flowers);
    }
    const other = path.join(root, 'other');
    cpSync(flowers, other, { recursive: true });
    cpSync(path.join(flowers, 'test/up/001.png'), path.join(other, 'test/left/001.png'));
    const { code, errors } = await kd(['report', directory, '--data', other]);
    expect(code).toBe(1);
    expect(errors).toMatch(/other: expected the test images of .*; these are other images/);
  });

  test('Ctrl-C saves, --resume goes on with the same images to the same numbers', async () => {
    const target = path.join(root, 'interrupted');
    const distill = ['distill', '--data', flowers];
    const stopped = await kd([...distill, '--out', target, ...short], '[3/6]');
    expect(stopped.code).toBe(130);
    const shown = path.relative('.', target);
    expect(stopped.output).toContain(`distill --data '${flowers}' --resume ${shown}\n`);
    expect(await kd([...distill, '--resume', target, '--size', '32'])).toMatchObject({
      code: 2,
      errors: `kd: --size: expected asGiven, as in ${shown}, got 32; leave it out, or start a new run.\n`,
    });
    expect(await kd(['distill', '--resume', target])).toMatchObject({ code: 0, errors: '' });
    expect(resultsOf((await readRun(target)) as ExperimentRun)).toEqual(resultsOf(record));
  });
});

describe('a teacher with classes of its own', () => {
  const weights = path.join(root, 'run/teacher/best.safetensors');
  const names = path.join(root, 'names.txt');
  const map = path.join(root, 'map.json');
  const ownTeacher = [
    ...['--engine', 'wasm', '--teacher', 'student-cnn', '--teacher-weights', weights],
    ...['--teacher-classes', names, '--epochs', '2'],
  ];

  test('is not trained, and its classes are found by name', async () => {
    // The folder's classes are in the order of the alphabet.
    writeFileSync(names, 'green left\ngreen up\nLinks\nup\n');
    writeFileSync(map, JSON.stringify({ Links: 'left' }));
    const out = path.join(root, 'own');
    const args = ['distill', '--data', flowers, ...ownTeacher, '--class-map', map];
    const { code, output, errors } = await kd([...args, '--out', out]);
    expect([errors, code]).toEqual(['', 0]);
    expect(output).toContain('teacher: student-cnn with its own 4 classes');
    const { results, config, command } = (await readRun(out)) as ExperimentRun;
    const trained = (await readRun(path.join(root, 'run'))) as ExperimentRun;
    expect(results.teacher?.test.top1).toBe(trained.results.teacher?.test.top1);
    expect(results.teacher?.test.confusion).toEqual(trained.results.teacher?.test.confusion);
    expect(config.teacher).toMatchObject({ epochs: 0, ownHead: { classMap: { Links: 'left' } } });
    expect(command).toContain(` --teacher-classes ${names} `);
    expect(await kd(['report', out])).toMatchObject({ code: 0 });
  });

  test('is refused where a class has none, before the engine starts', async () => {
    const { code, output, errors } = await kd(['distill', '--data', flowers, ...ownTeacher]);
    expect(errors).toMatch(/^kd: mapClasses: expected .*left.*\n$/);
    expect([code, output.includes('engine')]).toEqual([1, false]);
    expect((await kd(['distill', '--data', flowers, '--class-map', map])).errors).toMatch(
      /^kd: --class-map: expected nothing without --teacher-classes, got /,
    );
    const simKd = ['--class-map', map, '--method', 'simKd'];
    expect((await kd(['distill', '--data', flowers, ...ownTeacher, ...simKd])).errors).toMatch(
      /^kd: --method: expected one without the teacher's classifier, which has other classes, got/,
    );
  });
});

test('images without a label are learned from by the distilled student alone', async () => {
  const source = path.join(root, 'partly labelled');
  cpSync(flowers, source, { recursive: true });
  for (const name of ['up', 'left'])
    cpSync(path.join(source, 'test', name), path.join(source, 'unlabelled', name), {
      recursive: true,
    });
  const out = path.join(root, 'unlabelled');
  const { code, output, errors } = await kd(['distill', '--data', source, '--out', out, ...short]);
  expect([errors, code]).toEqual(['', 0]);
  const { data, config, trainings } = (await readRun(out)) as ExperimentRun;
  expect([data.unlabelled, data.train.images, config.images.unlabelled]).toEqual([8, 43, 8]);
  expect(output).toMatch(/^note: 8 images for training have no label: only the distilled student/m);
  const stepsOf = (name: string) => trainings[name]?.epochs.map(({ steps }) => steps);
  expect(stepsOf('baseline-0')).toEqual([5, 5]);
  expect(stepsOf('distilled-0')).toEqual([6, 6]);
  expect(await kd(['distill', '--data', source, '--method', 'dkd', ...short])).toMatchObject({
    code: 2,
    errors:
      'kd: --method: expected one that needs no labels, for 8 images have none, got dkd; softTargets is one.\n',
  });
});

describe('bad input ends in one line, before an engine starts', () => {
  const folder = (name: string, ...files: string[]) => {
    const target = path.join(root, name);
    for (const file of files) {
      mkdirSync(path.dirname(path.join(target, file)), { recursive: true });
      cpSync(path.join(flowers, 'train/up/001.png'), path.join(target, file));
    }
    if (files.length === 0) mkdirSync(target);
    return target;
  };

  test('a picture that is none is named; --skip-broken leaves it out and says so', async () => {
    const target = folder('broken');
    cpSync(flowers, target, { recursive: true });
    const bad = path.join(target, 'train/up/note.png');
    writeFileSync(bad, 'no picture');
    const refused = await kd(['distill', '--data', target, ...short]);
    expect([refused.code, refused.output]).toEqual([1, expect.not.stringContaining('engine')]);
    expect(refused.errors).toMatch(/^kd: .*note\.png.*--skip-broken.*\n$/);
    const out = path.join(root, 'skipped');
    const skipped = await kd([
      'distill',
      '--data',
      target,
      '--skip-broken',
      '--out',
      out,
      ...short,
    ]);
    expect([skipped.errors, skipped.code]).toEqual(['', 0]);
    expect(skipped.output).toMatch(/^note: .*1 left out.*note\.png/m);
    const record = (await readRun(out)) as ExperimentRun;
    expect(record.config.data?.skipBroken).toBe(true);
    expect(record.data.warnings?.join()).toContain('note.png');
    expect(record.command).toContain(' --skip-broken ');
  });

  test('an empty folder, one class, a path that is none', async () => {
    for (const [source, message] of [
      [folder('empty'), /^kd: .*empty.*\n$/],
      [folder('one', 'train/up/1.png', 'train/up/2.png', 'test/up/3.png'), /^kd: .*one.*\n$/],
      [path.join(root, 'nowhere'), /^kd: .*nowhere.*no such file.*\n$/],
    ] as const) {
      const { code, output, errors } = await kd(['distill', '--data', source, ...short]);
      expect(errors).toMatch(message);
      expect(code).toBeGreaterThan(0);
      expect(output).not.toContain('engine');
    }
  });

  test.each([
    [['--size', '7'], '--size: expected a side from 8 to 1024 pixels, got 7.'],
    [['--recipe', 'keras'], '--recipe: expected one of torchvision, timm, got keras.'],
    [
      ['--minutes', '3', '--epochs', '4'],
      '--epochs: expected nothing beside --minutes, which chooses the epochs, got 4; leave one of the two out.',
    ],
    [['--class-weights', 'equal'], '--class-weights: expected one of balanced, got equal.'],
    [['--sampling', 'all'], '--sampling: expected one of classBalanced, got all.'],
    [
      ['--teacher-weights', 'none.pth'],
      '--teacher-weights: expected a file or an address, got no such file: none.pth.',
    ],
    [
      ['--method', 'hints', '--temperature', '3'],
      '--temperature: expected nothing with --method hints, which has none, got 3; leave it out.',
    ],
    [
      ['--recipe', 'timm'],
      '--recipe: expected nothing for images that are 8 × 8 already, got timm; leave it out, or name another --size.',
    ],
  ])('%j', async (flags, message) => {
    const { code, output, errors } = await kd(['distill', '--data', flowers, ...flags]);
    expect([code, errors]).toEqual([2, `kd: ${message}\n`]);
    expect(output).not.toContain('engine');
  });

  test('flags of images beside a module, or without --data', async () => {
    const module = path.join(import.meta.dirname, 'fixtures/tinyExperiment.ts');
    expect(await kd(['distill', '--data', module, '--size', '32'])).toMatchObject({ code: 2 });
    expect((await kd(['distill', '--size', '32', '--resume'])).errors).toBe(
      'kd: --size: expected nothing without --data, got 32.\n',
    );
  });
});

function quoteForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
