import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { logarithmicAxis, roundTicks } from '../src/charts/axes.ts';
import { curvesChart } from '../src/charts/curves.ts';
import { formatCount, formatSpread, resultTable } from '../src/format.ts';
import { renderReport } from '../src/page/page.ts';
import { pngDataUri } from '../src/page/png.ts';
import { type ExampleGroup, groupExamples, softmax } from '../src/predictions.ts';
import type { RunRecord } from '../src/runRecord.ts';
import { footnotes, summarizeGain } from '../src/sentences.ts';
import { type Summary, spread, summarize } from '../src/summary.ts';
import { sampleRun } from './fixtures/sampleRun.ts';

const { record, predictions } = sampleRun();
const summaryOf = (run: RunRecord) => summarize(run) as Summary;

describe('the result', () => {
  test('gain and standard deviation are computed seed by seed', () => {
    const { gain, networks } = summaryOf(sampleRun({ seeds: [0, 1, 2] }).record);
    expect(gain.mean).toBeCloseTo(0.0103, 10);
    expect(gain.std).toBeCloseTo(0, 10);
    expect(formatSpread(networks[1].accuracy)).toBe('72.21 ± 0.20 %');
    expect(spread([1, 2, 4])).toEqual({
      mean: 7 / 3,
      std: expect.closeTo(Math.sqrt(7 / 3), 12),
      count: 3,
    });
  });

  test('there is no summary before every network is tested', () => {
    const { 'distilled-0': _, ...results } = record.results;
    expect(summarize({ ...record, results })).toBeUndefined();
  });

  test('the sentence has the winner, both accuracies, the images and the seeds', () => {
    expect(summarizeGain(record, summaryOf(record))).toEqual({
      sentence:
        'The distilled student is 1.03 points more accurate than the same student trained alone: 73.04 % against 72.01 % on 500 test images (one seed: 0).',
      holds: true,
    });
    const three = sampleRun({ seeds: [0, 1, 2] }).record;
    expect(summarizeGain(three, summaryOf(three)).sentence).toContain('(mean ± std of 3 seeds)');
  });

  test('a loss is stated, and misses a claim', () => {
    const { 'baseline-0': baseline, 'distilled-0': distilled } = record.results;
    const swapped = {
      ...record,
      results: {
        ...record.results,
        'baseline-0': { ...distilled, role: 'baseline' },
        'distilled-0': { ...baseline, role: 'distilled' },
      },
    } as RunRecord;
    const { sentence, holds } = summarizeGain(swapped, summaryOf(swapped));
    expect(sentence).toContain('is 1.03 points LESS accurate than');
    expect(holds).toBe(false);
    const modest: RunRecord = { ...swapped, config: { ...record.config, claim: false } };
    const modestGain = summarizeGain(modest, summaryOf(modest));
    expect(modestGain.holds).toBeUndefined();
    expect(modestGain.sentence).toMatch(/The experiment quick makes no claim\.$/);
  });

  test('the sentence warns of a teacher that is no better than the student alone', () => {
    const { teacher } = record.results;
    const weak = { ...teacher, test: { ...teacher?.test, top1: 0.7 } };
    const run = { ...record, results: { ...record.results, teacher: weak } } as RunRecord;
    expect(summarizeGain(run, summaryOf(run)).sentence).toContain(
      'The teacher (70.00 %) is no better than the student alone.',
    );
  });

  test('footnotes state what was computed besides', () => {
    expect(footnotes(record)).toBeUndefined();
    const features = { outputs: 'features', seed: 0, views: 2, seconds: 3 } as const;
    expect(footnotes({ ...record, caches: { features } })).toBe(
      "The teacher's pretrained backbone was evaluated once on 2 views of 10,000 images, in 3.0 s; only a new head was trained.",
    );
    const withMethod = (change: object, trainings = record.trainings) =>
      footnotes({
        ...record,
        config: { ...record.config, distillation: { ...record.config.distillation, ...change } },
        trainings,
      });
    const further = {
      role: 'assistant',
      seed: 0,
      finished: true,
      seconds: 90,
      epochs: [],
    } as const;
    expect(withMethod({ assistant: 'resnet8' }, { assistant: further })).toBe(
      'An assistant was trained as well: resnet8, 15 epochs, 1 min 30 s.',
    );
    expect(
      withMethod({ generations: 3 }, { 'generation-1-0': { ...further, role: 'generation' } }),
    ).toBe('2 more students were trained before the last one: 15 epochs each, 1 min 30 s in all.');
    expect(withMethod({ generations: 1 })).toBeUndefined();
    expect(withMethod({ peer: true })).toContain('A peer of the same architecture');
  });

  test('the table has aligned columns and a line for each network', () => {
    const lines = resultTable(summaryOf(record)).split('\n');
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
    expect([formatCount(999), formatCount(24_346), formatCount(48_070_000)]).toEqual([
      '999',
      '24.3 k',
      '48.07 M',
    ]);
  });
});

describe('the page', () => {
  test('loads nothing else and has a drawing for each comparison, light and dark', async () => {
    const page = await renderReport(record, predictions);
    expect(page).not.toMatch(/<script|<link|@import|url\(|https?:/);
    expect(Array.from(page.matchAll(/src="([^"]{0,22})/g), ([, start]) => start)).toEqual(
      Array.from({ length: (page.match(/<img/g) ?? []).length }, () => 'data:image/png;base64,'),
    );
    expect(page.match(/<img/g)?.length).toBeGreaterThan(12);
    expect(page.match(/<svg/g)).toHaveLength(2 + 2 + 3 + 3);
    expect(page).toContain('prefers-color-scheme:dark');
    expect(page).toContain('npm run distill -- --engine tensorflow');
  });

  test('escapes every text of the record', async () => {
    const evil = '<script>"alert(1)"</script>';
    const replaced = JSON.stringify(record, (key, value) =>
      typeof value === 'string' && key !== 'role' && value !== 'sgd' ? evil : value,
    );
    const page = await renderReport(JSON.parse(replaced) as RunRecord, predictions);
    expect(page).not.toContain('<script>');
    expect(page).not.toContain('"alert(1)"');
  });

  test('needs all results, and predictions for all test images', async () => {
    await expect(renderReport({ ...record, results: {} }, predictions)).rejects.toThrow(
      'renderReport: expected a run whose networks are all tested, got one without some results; resume it.',
    );
    const { logits } = predictions;
    const short = { ...logits, baseline: logits.baseline.subarray(10) };
    await expect(renderReport(record, { ...predictions, logits: short })).rejects.toThrow(
      'renderReport: predictions: expected 500 × 10 logits of baseline, got 4990.',
    );
  });

  test('groups examples by which network is right: improvements and regressions', () => {
    const groups = groupExamples(predictions, 4);
    const [improved, regressed, right, wrong] = groups as [
      ExampleGroup,
      ExampleGroup,
      ExampleGroup,
      ExampleGroup,
    ];
    for (const { distilled, baseline, label } of improved.shown)
      expect([distilled === label, baseline === label]).toEqual([true, false]);
    for (const { distilled, baseline, label } of regressed.shown)
      expect([distilled === label, baseline === label]).toEqual([false, true]);
    expect(right.count + wrong.count).toBe(predictions.labels.length);
    expect(improved.shown.length).toBe(6);
    expect(Array.from(softmax(Float32Array.of(0, 4 * Math.log(3)), 4))).toEqual([
      expect.closeTo(0.25, 6),
      expect.closeTo(0.75, 6),
    ]);
  });

  test('a PNG has the pixels, in colour and in grey', async () => {
    const pixels = Uint8Array.from({ length: 2 * 3 * 3 }, (_, index) => 10 * index);
    const decode = async (channels: number) => {
      const uri = await pngDataUri(pixels, [3, (2 * 3) / channels, channels]);
      return Buffer.from(uri.split(',')[1] as string, 'base64');
    };
    const file = await decode(3);
    const data = file.subarray(file.indexOf('IDAT') + 4, file.indexOf('IEND') - 8);
    expect(Array.from(inflateSync(data))).toEqual([
      0,
      ...pixels.slice(0, 6),
      0,
      ...pixels.slice(6, 12),
      0,
      ...pixels.slice(12),
    ]);
    expect([file.readUInt32BE(16), file.readUInt32BE(20)]).toEqual([2, 3]);
    expect(Array.from(await decode(1)).slice(24, 26)).toEqual([8, 0]);
    await expect(pngDataUri(pixels, [3, 3, 2])).rejects.toThrow(
      'renderReport: expected images of 1 or 3 channels, got 2.',
    );
  });

  test('ticks are round, and curves of further seeds have no label', () => {
    expect(roundTicks(0.31, 0.79, 5)).toEqual([0.4, 0.5, 0.6, 0.7]);
    expect(logarithmicAxis('bytes', [100_000, 200_000], String).ticks).toEqual([
      50_000, 100_000, 200_000,
    ]);
    const curve = { label: 'Student', className: 'baseline', values: [0.1, 0.4] };
    const options = {
      title: 'Accuracy',
      axis: 'accuracy',
      format: String,
      bounds: [0, 1],
    } as const;
    const { svg } = curvesChart([curve, { ...curve }], options);
    expect(svg.match(/class="label/g)).toHaveLength(1);
    expect(svg.match(/class="baseline further"/g)).toHaveLength(1);
    expect(curvesChart([], options).svg).toBe('<p>No epoch was finished.</p>');
  });
});
