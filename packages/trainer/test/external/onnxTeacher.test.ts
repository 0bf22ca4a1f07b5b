import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Batch, Teacher } from '@kd/core';
import { memoryStore } from '@kd/files';
import { expectNoNewTensors, onEveryEngine, temporaryDirectories } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { cacheOutputs, ensemble, evaluate } from '../../src/index.ts';
import { onnxTeacher } from '../../src/node/index.ts';
import { onCpu } from '../helpers/cpu.ts';
import { tinySource } from '../helpers/source.ts';
import {
  expectTorchOutputs,
  firstImages,
  fixture,
  messageOf,
  normalized,
  predictImages,
} from './tiny.ts';

const emptyDirectory = temporaryDirectories();

onEveryEngine(() => {
  test('a file of torch.onnx.export gives the outputs of PyTorch, with features by name, and leaves no tensor', async () => {
    const teacher = await onnxTeacher(fixture('tiny.onnx'), {
      output: 'logits',
      features: { map: 'map', pooled: 'pooled' },
      threads: 1,
    });
    const { features, logits } = await predictImages(teacher, 2);
    expect([features.map?.shape, features.pooled?.shape, logits.shape]).toEqual([
      [2, 8, 8, 4],
      [2, 4],
      [2, 5],
    ]);
    tf.dispose([logits, Object.values(features)]);
    await expectNoNewTensors(() => expectTorchOutputs(teacher));
    await teacher.dispose();
  });

  test('a model of two images at a time, NHWC, with a softmax, gives the same up to a constant', async () => {
    const teacher = await onnxTeacher(fixture('tinyFixed.onnx'), {
      layout: 'NHWC',
      outputs: 'probabilities',
    });
    await expectNoNewTensors(() => expectTorchOutputs(teacher, true));
    await teacher.dispose();
  });
});

describe('an ONNX teacher', () => {
  onCpu();

  test('has a fingerprint of its file, preprocessing and output', async () => {
    const one = await onnxTeacher(fixture('tiny.onnx'), { output: 'logits' });
    const other = await onnxTeacher(fixture('tiny.onnx'), {
      output: 'logits',
      prepare: normalized,
      name: 'mine',
    });
    const { weights } = await one.fingerprint();
    expect(weights).toMatch(/^[0-9a-f]{64}$/);
    expect(await one.fingerprint()).toEqual({
      name: 'tiny.onnx',
      weights,
      preprocessing:
        'normalize(mean=0.485,0.456,0.406,deviation=0.229,0.224,0.225); NCHW; logits from logits',
    });
    expect(await other.fingerprint()).toEqual({
      name: 'mine',
      weights,
      preprocessing: 'imagenet; NCHW; logits from logits',
    });
    await Promise.all([one.dispose(), other.dispose()]);
  });

  test('is cached, evaluated and part of an ensemble', async () => {
    const prepare = {
      description: 'gray',
      prepare: (images: tf.Tensor4D) => tf.tidy(() => toGray(images)),
    };
    const teacher = await onnxTeacher(fixture('tiny.onnx'), { output: 'logits', prepare });
    const source = tinySource({ classes: 5 });
    const { accuracy } = await cacheOutputs({ teacher, data: source, store: memoryStore() });
    const { top1 } = await evaluate(teacher, source);
    expect(accuracy).toEqual([top1]);
    expect((await evaluate(ensemble([teacher, teacher]), source)).top1).toBe(top1);
    await teacher.dispose();
  });

  test('is evaluated by predictAsync only', async () => {
    const teacher: Teacher = await onnxTeacher(fixture('tiny.onnx'), { output: 'logits' });
    expect(() => teacher(firstImages())).toThrow(
      'tiny.onnx: expected to be evaluated by predictAsync, got a direct call; await teacher.predictAsync(batch)',
    );
  });

  test('names what does not fit', async () => {
    const [file, fixed] = [fixture('tiny.onnx'), fixture('tinyFixed.onnx')];
    expect(await messageOf(onnxTeacher(file))).toBe(
      'tiny.onnx: expected one output, got [logits, map, pooled]; name the one with the classes: output.',
    );
    expect(await messageOf(onnxTeacher(file, { output: 'scores' }))).toBe(
      'tiny.onnx: expected outputs among logits, map, pooled, got scores; declare it as an output when the model is exported.',
    );
    const predicted = async (options: Parameters<typeof onnxTeacher>[1], of = file) =>
      messageOf(predictImages(await onnxTeacher(of, options)));
    expect(await predicted({ output: 'map' })).toBe(
      'tiny.onnx: expected map of shape [7, classes], got [7, 4, 8, 8].',
    );
    expect(await predicted({ output: 'logits', layout: 'NHWC' })).toBe(
      'tiny.onnx: expected images [batch, 3, 8, 8], got [7, 8, 8, 3] after preprocessing; check prepare, which resizes, and layout.',
    );
    expect(await predicted({ output: 'logits', outputs: 'probabilities' })).toMatch(
      /^tiny\.onnx: expected probabilities that add up to 1, got \[.*\]; if these are logits, pass outputs: 'logits'\.$/,
    );
    expect(await predicted({ layout: 'NHWC' }, fixed)).toBe(
      "tinyFixed.onnx: expected logits, got rows that are 0–1 and add up to 1; take the output before the softmax, or pass outputs: 'probabilities'.",
    );
  });

  test('is refused if its weights are in another file, or the file is no model', async () => {
    expect(await messageOf(onnxTeacher(fixture('outside.onnx')))).toBe(
      'outside.onnx: expected all weights inside the file, got some in another; save the weights inside: torch.onnx.export(…, external_data=False), or onnx.save(model, file).',
    );
    const bytes = readFileSync(fixture('tiny.onnx'));
    const file = path.join(emptyDirectory(), 'broken.onnx');
    for (const broken of [
      bytes.subarray(0, 3000),
      Buffer.from('hello world, this is no model'),
      Buffer.from([8, 255, 255]),
      Buffer.alloc(0),
    ]) {
      writeFileSync(file, broken);
      expect(await messageOf(onnxTeacher(file))).toMatch(/^broken\.onnx: expected /);
    }
    expect(await messageOf(onnxTeacher(path.join(emptyDirectory(), 'none.onnx')))).toMatch(
      /^none\.onnx: expected a file that can be read, got ENOENT/,
    );
  });
});

describe('the thread of an ONNX teacher', () => {
  onCpu();

  /** A batch that takes the model some tenths of a second. */
  const manyImages = (): Batch => ({
    images: tf.zeros([30_000, 8, 8, 3]),
    labels: tf.zeros([30_000], 'int32'),
    indices: new Int32Array(30_000),
    view: { spec: 'plain', seed: 0 },
  });

  test('leaves this one free while the model runs', async () => {
    const options = { output: 'logits', threads: 1, prepare: normalized } as const;
    const teacher = await onnxTeacher(fixture('tiny.onnx'), options);
    const batch = manyImages();
    const running = teacher.predictAsync(batch);
    let ticks = 0;
    const count = async () => {
      for (let isRunning = true; isRunning; ticks++) {
        const next = new Promise((resolve) => setTimeout(resolve, 1, true));
        isRunning = (await Promise.race([running.then(() => false), next])) as boolean;
      }
    };
    await count();
    expect(ticks).toBeGreaterThan(10);
    const { logits, features } = await running;
    tf.dispose([batch.images, batch.labels, logits, Object.values(features)]);
    await teacher.dispose();
  });

  test('takes batches from several callers in order', async () => {
    const teacher = await onnxTeacher(fixture('tiny.onnx'), { output: 'logits' });
    const all = await Promise.all([1, 2, 3, 4, 5].map((count) => predictImages(teacher, count)));
    expect(all.map(({ logits }) => logits.shape[0])).toEqual([1, 2, 3, 4, 5]);
    const [one, five] = [all[0], all[4]].map((outputs) => outputs?.logits.arraySync()[0]);
    expect(one).toEqual(five);
    tf.dispose(all.map(({ logits }) => logits));
    await teacher.dispose();
  });

  test('ends with the teacher, and what it has not done is an error', async () => {
    const teacher = await onnxTeacher(fixture('tiny.onnx'), { output: 'logits', threads: 1 });
    const batch = manyImages();
    const running = messageOf(teacher.predictAsync(batch));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await teacher.dispose();
    expect(await running).toMatch(
      /^tiny\.onnx: expected a thread that runs the model, got one that ended/,
    );
    expect(await messageOf(predictImages(teacher))).toMatch(/^tiny\.onnx: expected a thread/);
    tf.dispose([batch.images, batch.labels]);
  });

  test('has the first provider that starts, and says why others did not', async () => {
    const providers = ['none of this name', 'cpu'];
    const teacher = await onnxTeacher(fixture('tiny.onnx'), { output: 'logits', providers });
    expect(teacher.provider).toBe('cpu');
    expect(teacher.refusedProviders).toEqual([
      { name: 'none of this name', reason: expect.stringMatching(/./) },
    ]);
    await teacher.dispose();
    const opened = onnxTeacher(fixture('tiny.onnx'), { output: 'logits', providers: [] });
    expect(await messageOf(opened)).toBe(
      "onnxTeacher: expected one provider or more, got []; ['cpu'] is always there.",
    );
  });
});

/** Images of `tinySource` with three equal channels and 8 × 8 pixels. */
function toGray(images: tf.Tensor4D): tf.Tensor4D {
  const one = tf.mean(images, 3, true) as tf.Tensor4D;
  return tf.image.resizeNearestNeighbor(tf.concat([one, one, one], 3), [8, 8]);
}
