import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ticks } from '../src/charts/axes.ts';
import { conclude } from '../src/conclusion.ts';
import { bytes, count, duration, percentSpread } from '../src/format.ts';
import { reportPage } from '../src/page/page.ts';
import { pngUri } from '../src/page/png.ts';
import { groupsOf } from '../src/page/predictions.ts';
import { softmax } from '../src/probabilities.ts';
import type { RunRecord } from '../src/runRecord.ts';
import { type Summary, spread, summarize } from '../src/summary.ts';
import { table } from '../src/table.ts';
import { sampleRun } from './fixtures/sampleRun.ts';

const { record, answers } = sampleRun();
const summaryOf = (run: RunRecord) => summarize(run) as Summary;

describe('what a run found', () => {
  test('gain and spread are seed by seed', () => {
    const three = sampleRun({ seeds: [0, 1, 2] }).record;
    const { gain, actors } = summaryOf(three);
    expect(gain.mean).toBeCloseTo(0.0103, 10);
    expect(gain.deviation).toBeCloseTo(0, 10);
    expect(percentSpread(actors[1]?.accuracy as Summary['gain'])).toBe('72.21 ± 0.20 %');
    expect(spread([1, 2, 4])).toEqual({
      mean: 7 / 3,
      deviation: expect.closeTo(Math.sqrt(7 / 3), 12),
      count: 3,
    });
  });

  test('there is no summary before every network was tested', () => {
    const { 'distilled-0': _, ...results } = record.results;
    expect(summarize({ ...record, results })).toBeUndefined();
  });

  test('the sentence says who won, on what, and how often it was tried', () => {
    expect(conclude(record, summaryOf(record))).toEqual({
      sentence:
        'The distilled student is 1.03 points more accurate than the same student trained alone: 73.04 % against 72.01 % on 500 test pictures (one seed: 0).',
      holds: true,
    });
  });

  test('a loss is said plainly, and misses a claim', () => {
    const { 'alone-0': alone, 'distilled-0': distilled } = record.results;
    const swapped = {
      ...record,
      results: {
        ...record.results,
        'alone-0': { ...distilled, actor: 'alone' },
        'distilled-0': { ...alone, actor: 'distilled' },
      },
    };
    const { sentence, holds } = conclude(swapped as RunRecord, summaryOf(swapped as RunRecord));
    expect(sentence).toContain('is 1.03 points LESS accurate than');
    expect(holds).toBe(false);
    const modest = { ...swapped, config: { ...record.config, claim: false } } as RunRecord;
    expect(conclude(modest, summaryOf(modest)).holds).toBeUndefined();
  });

  test('the table has a line for each, in columns', () => {
    const lines = table(summaryOf(record)).split('\n');
    expect(lines.map((line) => line.split(/ {2,}/)[0])).toEqual([
      '',
      expect.stringMatching(/^─+$/),
      'teacher',
      'student alone',
      'student distilled',
    ]);
    expect(lines[4]).toMatch(
      /^student distilled {3}student-cnn +73\.04 % +24,362 +97\.4 kB +5\.31 M +14,800 +45\.0 s$/,
    );
  });

  test('numbers for people', () => {
    expect([count(999), count(24_346), count(48_070_000)]).toEqual(['999', '24.3 k', '48.07 M']);
    expect([bytes(98_304), bytes(1_660_000), bytes(12)]).toEqual(['98.3 kB', '1.66 MB', '12 B']);
    expect([duration(5), duration(59.97), duration(245), duration(7_800)]).toEqual([
      '5.0 s',
      '1 min 00 s',
      '4 min 05 s',
      '2 h 10 min',
    ]);
  });
});

describe('the page', () => {
  const page = reportPage(record, answers);

  test('asks for nothing from outside', () => {
    expect(page).not.toMatch(/<script|<link|@import|url\(|https?:/);
    expect(Array.from(page.matchAll(/src="([^"]{0,22})/g), ([, start]) => start)).toEqual(
      Array.from({ length: (page.match(/<img/g) ?? []).length }, () => 'data:image/png;base64,'),
    );
  });

  test('has a drawing for each comparison, light and dark', () => {
    expect(page.match(/<svg/g)).toHaveLength(2 + 2 + 3 + 3);
    expect(page).toContain('prefers-color-scheme:dark');
    expect(page).toContain('npm run distill -- --preset quick --engine tensorflow');
  });

  test('names from outside cannot become markup', () => {
    const hostile = { ...record, data: { ...record.data, source: '<script>alert(1)</script>' } };
    expect(reportPage(hostile, answers)).not.toContain('<script>');
  });

  test('needs the results', () => {
    expect(() => reportPage({ ...record, results: {} }, answers)).toThrow(
      'reportPage: expected a run whose networks were all tested',
    );
  });

  test('pictures are sorted by who is right; gains and losses both', () => {
    const [gained, lost, right, wrong] = groupsOf(answers, 4) as [Group, Group, Group, Group];
    type Group = ReturnType<typeof groupsOf>[number];
    for (const { distilled, alone, truth } of gained.shown)
      expect([distilled === truth, alone === truth]).toEqual([true, false]);
    for (const { distilled, alone, truth } of lost.shown)
      expect([distilled === truth, alone === truth]).toEqual([false, true]);
    expect(right.count + wrong.count).toBe(answers.labels.length);
    expect(gained.shown.length).toBe(6);
  });

  test('a PNG holds the pixels', () => {
    const pixels = Uint8Array.from({ length: 2 * 3 * 3 }, (_, at) => 10 * at);
    const file = Buffer.from(pngUri(pixels, 2, 3).split(',')[1] as string, 'base64');
    const body = file.subarray(file.indexOf('IDAT') + 4, file.indexOf('IEND') - 8);
    expect(Array.from(inflateSync(body))).toEqual([
      0,
      ...pixels.slice(0, 6),
      0,
      ...pixels.slice(6, 12),
      0,
      ...pixels.slice(12),
    ]);
    expect([file.readUInt32BE(16), file.readUInt32BE(20)]).toEqual([2, 3]);
  });

  test('ticks are round and softmax is soft', () => {
    expect(ticks(0.31, 0.79, 5)).toEqual([0.4, 0.5, 0.6, 0.7]);
    expect(Array.from(softmax(Float32Array.of(0, 4 * Math.log(3)), 4))).toEqual([
      expect.closeTo(0.25, 6),
      expect.closeTo(0.75, 6),
    ]);
  });
});
