import { expect, test } from 'vitest';
import { readCommandLine } from '../src/commandLine.ts';
import { describeGrowth } from '../src/memoryGrowth.ts';
import { markdownTable, plainTable, replaceBetween } from '../src/report.ts';
import type { Row, Section } from '../src/section.ts';
import { comparedSteps, compareWithTargets } from '../src/targets.ts';

const ours: Row = { step: 'tiny', variant: 'ours', ms: 4.6, imagesPerSecond: 1739.1, ratio: null };
const eager: Row = {
  step: 'tiny',
  variant: 'PyTorch, eager',
  ms: 8.28,
  imagesPerSecond: 966.2,
  ratio: 1.8,
  spread: [1.75, 1.9],
};
const compiled: Row = {
  step: 'tiny',
  variant: 'PyTorch, compile',
  ms: 6.44,
  imagesPerSecond: 1242,
  ratio: 1.4,
  spread: [1.3, 1.5],
};
const section: Section = {
  name: 'tiny',
  title: 'Tiny',
  rows: [ours, eager],
  remarks: ['A remark.'],
  versions: {},
};

test('a table has the columns that are not empty', () => {
  expect(markdownTable(section)).toBe(
    [
      '**Tiny**',
      '',
      '| variant | ms | images/s | ours is so many times as fast |',
      '| --- | ---: | ---: | ---: |',
      '| ours | 4.60 | 1739 |  |',
      '| PyTorch, eager | 8.28 | 966 | 1.80 (1.75–1.90) |',
      '',
      '- A remark.',
    ].join('\n'),
  );
  expect(plainTable({ ...section, rows: [] })).toBe('Tiny\nA remark.');
});

test('steps are compared with PyTorch as installed and with its fastest variant', () => {
  const tiny = comparedSteps.find(({ step }) => step === 'tiny');
  expect(
    compareWithTargets({ ...tiny, targetMs: 4 } as NonNullable<typeof tiny>, 4.6, [
      { ...ours, variant: 'ours, huge pages', ratio: 1 },
      eager,
      compiled,
    ]),
  ).toEqual([
    'Against PyTorch as installed: goal ≥ 1.70, 1.80, met.',
    'Against the best of PyTorch (PyTorch, compile): goal ≥ 1.50, 1.40, **missed**.',
    'Goal ≤ 4 ms: 4.6 ms, **missed**.',
  ]);
});

test('a leak is reported', () => {
  const turn = (mib: number, alive: number) => ({
    memory: { nowBytes: mib * 2 ** 20, peakBytes: 0 },
    tensors: { alive, handles: alive },
  });
  expect(describeGrowth([turn(500, 42), turn(600, 42), turn(520, 43)])).toEqual([
    'Resident memory from the first turn to the last: goal ≤ 16 MiB more, 20.0, **missed**.',
    'Tensors: goal 0 more, 1 (43 alive), **missed**.',
    'Handles of the engine: goal 0 more, 1 (43 alive), **missed**.',
  ]);
});

test('the README keeps the text outside the markers', () => {
  const text = 'before\n<!-- bench:tiny -->\nold\n<!-- /bench:tiny -->\nafter';
  expect(replaceBetween(text, 'bench:tiny', 'new')).toBe(
    'before\n<!-- bench:tiny -->\nnew\n<!-- /bench:tiny -->\nafter',
  );
  expect(() => replaceBetween(text, 'bench:memory-growth', 'new')).toThrow(
    'put them where the table belongs',
  );
});

test('the command line is validated', () => {
  expect(
    readCommandLine(['--only', 'tiny,startup', '--rounds', '3'], ['tiny', 'startup']),
  ).toMatchObject({
    only: ['tiny', 'startup'],
    rounds: 3,
    seconds: 1.5,
  });
  expect(() => readCommandLine(['--only', 'huge'], ['tiny', 'startup'])).toThrow(
    'bench: expected --only among tiny, startup, got huge.',
  );
  expect(() => readCommandLine(['--rounds', '0'], [])).toThrow(
    'bench: expected --rounds as a whole number ≥ 1, got 0.',
  );
});
