import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEngine } from '@kd/engine';
import { efficientNetLite } from '@kd/models';
import { readWeights, saveTorchWeights } from '@kd/models/node';
import { besides } from '@kd/report';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configure, type RunConfig } from '../src/config.ts';
import { presets } from '../src/presets.ts';
import { tinyConfig, tinyRun } from './fixtures/tinyRun.ts';

describe('a teacher whose body comes from elsewhere, on wasm', { timeout: 300_000 }, () => {
  const root = mkdtempSync(path.join(tmpdir(), 'kd-elsewhere-'));
  const weights = path.join(root, 'weights.safetensors');
  const teacher: RunConfig['teacher'] = {
    architecture: 'efficientnet-lite0',
    epochs: 3,
    peakRate: 0.01,
    size: 16,
    body: { weights },
  };
  const view = { pad: 0, flip: false, count: 1 };
  const run = (
    name: string,
    changes: Partial<RunConfig>,
    seen: (line: string) => void = () => {},
    signal?: AbortSignal,
  ) =>
    tinyRun(
      path.join(root, name),
      seen,
      signal,
      changes.distillation ?? tinyConfig.distillation,
      { teacher, ...changes },
      'wasm',
    );
  beforeAll(async () => {
    await startEngine({ engine: 'wasm', log: () => {} });
    const network = efficientNetLite({ version: 0, classes: 5, seed: 7 });
    await saveTorchWeights(weights, network);
    network.dispose();
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test('its head learns on recorded features, the student on what that head says of them; resumed, it is the same to the last bit', async () => {
    const lines: string[] = [];
    const before = memory().numTensors;
    const record = await run('whole', {}, (line) => lines.push(line));
    expect(memory().numTensors).toBe(before);
    expect(
      lines.some((line) => line.includes(`245 weights of ${weights} (names: lukemelas)`)),
    ).toBe(true);
    expect(lines.filter((line) => line === 'record EfficientNet-Lite0')).toHaveLength(1);
    expect(record.trainings.teacher?.epochs).toHaveLength(3);
    expect(record.recordings['recording-3']?.views).toBe(2);
    expect(besides(record)).toMatch(
      /^The teacher's body looked at 2 views of 32 pictures, in .* s; of the teacher a new head alone was trained\.$/,
    );

    const controller = new AbortController();
    const stop = (line: string) => line === 'teacher 2/3' && controller.abort();
    await expect(run('again', {}, stop, controller.signal)).rejects.toThrow();
    await run('again', {});
    for (const file of ['teacher/best.safetensors', 'distilled-3/best.safetensors'])
      expect(
        readFileSync(path.join(root, 'again', file)).equals(
          readFileSync(path.join(root, 'whole', file)),
        ),
      ).toBe(true);
  });

  test('as printed: the running averages of the body drift, and no teacher is recorded', async () => {
    const lines: string[] = [];
    const record = await run(
      'printed',
      {
        asPrinted: true,
        distillation: { method: 'tutorial', temperature: 1, hard: 0, soft: 1 },
        optimizer: { name: 'adam', batchSize: 8 },
        views: view,
        student: { ...tinyConfig.student, size: 16 },
      },
      (line) => lines.push(line),
    );
    expect(lines.filter((line) => line.startsWith('['))).toHaveLength(5);
    expect(
      record.trainings['distilled-3']?.epochs.map(({ epoch, validation }) => [
        epoch,
        validation?.images,
      ]),
    ).toEqual([
      [1, 12],
      [2, 12],
    ]);
    expect(record.recordings).toEqual({});
    const kept = await readWeights(path.join(root, 'printed/teacher/best.safetensors'));
    const first = await readWeights(weights);
    const ours = (part: string) =>
      Object.keys(kept.entries).find((name) => name.startsWith('stem.') && name.endsWith(part)) ??
      part;
    const sorted = (file: typeof kept, name: string) =>
      Array.from(file.entries[name]?.read() ?? []).sort((left, right) => left - right);
    expect(sorted(kept, ours('.mean'))).toHaveLength(32);
    expect(sorted(kept, ours('.mean'))).not.toEqual(sorted(first, '_bn0.running_mean'));
    expect(sorted(kept, ours('.kernel'))).toEqual(sorted(first, '_conv_stem.weight'));
  });
});

describe('the configuration of such a teacher', () => {
  test('a body that nobody has here is asked for', () => {
    expect(() => configure('tutorial', presets.tutorial, {})).toThrow(
      '--teacher-weights: expected a file (.safetensors, .pth) or an address (hf://…) of weights for resnet50-imagenet, got nothing; such as --teacher-weights hf://timm/resnet50.a1_in1k',
    );
    expect(() => configure('quick', presets.quick, { teacherWeights: 'a.pth' })).toThrow(
      '--teacher-weights: expected nothing for resnet9-w0.25',
    );
  });

  test('the numbers of the tutorial are kept', () => {
    const { teacher, student, distillation, optimizer, views } = configure(
      'tutorial',
      presets.tutorial,
      { teacherWeights: 'resnet50.pth' },
    );
    expect(teacher).toEqual({
      architecture: 'resnet50-imagenet',
      epochs: 10,
      peakRate: 1e-3,
      size: 224,
      body: { weights: 'resnet50.pth' },
    });
    expect([student.architecture, student.epochs, student.peakRate, optimizer]).toEqual([
      'seed-cnn',
      20,
      1e-3,
      { name: 'adam', batchSize: 64 },
    ]);
    expect([distillation.temperature, distillation.hard, distillation.soft, views.count]).toEqual([
      1, 0.5, 0.5, 1,
    ]);
  });

  test('as printed, the student sees what the teacher sees, under the printed loss', () => {
    const printed = configure('tutorial', presets.tutorial, {
      teacherWeights: 'resnet50.pth',
      asPrinted: true,
    });
    expect([
      printed.student.size,
      printed.distillation.method,
      printed.claim,
      printed.asPrinted,
    ]).toEqual([224, 'tutorial', false, true]);
    expect(() => configure('quick', presets.quick, { asPrinted: true })).toThrow(
      '--as-printed: expected the preset tutorial, got quick',
    );
    expect(() =>
      configure('tutorial', presets.tutorial, {
        asPrinted: true,
        method: 'dkd',
        teacherWeights: 'a.pth',
      }),
    ).toThrow('--method: expected nothing');
  });

  test('pictures come beside those held out', () => {
    expect(configure('pretrained', presets.pretrained, { pictures: 500 }).data).toEqual({
      pictures: 1_500,
      held: 1_000,
      tested: 10_000,
    });
    expect(() => configure('pretrained', presets.pretrained, { pictures: 49_500 })).toThrow(
      '--pictures: expected at most 49000',
    );
  });
});
