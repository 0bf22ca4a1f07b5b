import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Teacher } from '@kd/core';
import { memoryStore } from '@kd/files';
import { expectNoNewTensors, onEveryEngine, temporaryDirectories } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { cacheOutputs, ensemble, evaluate } from '../../src/index.ts';
import { onnxTeacher } from '../../src/node/index.ts';
import { onCpu } from '../helpers/cpu.ts';
import { tinySource } from '../helpers/source.ts';
import { fixture, heard, imagesOf, messageOf, normalized, saysAsTorch } from './tiny.ts';

const emptyFolder = temporaryDirectories();

onEveryEngine(() => {
  test('a file of torch.onnx.export says what PyTorch says, with features by tap, and leaves no tensor', async () => {
    const teacher = await onnxTeacher(fixture('tiny.onnx'), {
      output: 'logits',
      taps: { map: 'map', pooled: 'pooled' },
      threads: 1,
    });
    const { features, logits } = await heard(teacher, 2);
    expect([features.map?.shape, features.pooled?.shape, logits.shape]).toEqual([
      [2, 8, 8, 4],
      [2, 4],
      [2, 5],
    ]);
    tf.dispose([logits, Object.values(features)]);
    await expectNoNewTensors(() => saysAsTorch(teacher));
    await teacher.dispose();
  });

  test('one of two pictures at a time, NHWC, with a softmax, says the same up to a constant', async () => {
    const teacher = await onnxTeacher(fixture('tinyFixed.onnx'), {
      layout: 'NHWC',
      outputs: 'probabilities',
    });
    await expectNoNewTensors(() => saysAsTorch(teacher, true));
    await teacher.dispose();
  });
});

describe('an ONNX teacher', () => {
  onCpu();

  test('is somebody: its file, preparation and output', async () => {
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
      preparation:
        'normalize(mean=0.485,0.456,0.406,deviation=0.229,0.224,0.225); NCHW; logits from logits',
    });
    expect(await other.fingerprint()).toEqual({
      name: 'mine',
      weights,
      preparation: 'imagenet; NCHW; logits from logits',
    });
    await Promise.all([one.dispose(), other.dispose()]);
  });

  test('is recorded, evaluated and joins an ensemble', async () => {
    const prepare = {
      description: 'grey',
      prepare: (images: tf.Tensor4D) => tf.tidy(() => greyOf(images)),
    };
    const teacher = await onnxTeacher(fixture('tiny.onnx'), { output: 'logits', prepare });
    const source = tinySource({ classes: 5 });
    const { accuracy } = await cacheOutputs({ teacher, data: source, store: memoryStore() });
    const { top1 } = await evaluate(teacher, source);
    expect(accuracy).toEqual([top1]);
    expect((await evaluate(ensemble([teacher, teacher]), source)).top1).toBe(top1);
    await teacher.dispose();
  });

  test('answers later only', async () => {
    const teacher: Teacher = await onnxTeacher(fixture('tiny.onnx'), { output: 'logits' });
    expect(() => teacher(imagesOf())).toThrow(
      'tiny.onnx: expected to be asked by later, got a call; await teacher.later(batch)',
    );
  });

  test('says what does not fit', async () => {
    const [file, fixed] = [fixture('tiny.onnx'), fixture('tinyFixed.onnx')];
    expect(await messageOf(onnxTeacher(file))).toBe(
      'tiny.onnx: expected one output, got [logits, map, pooled]; say which has the classes: output.',
    );
    expect(await messageOf(onnxTeacher(file, { output: 'scores' }))).toBe(
      'tiny.onnx: expected outputs among logits, map, pooled, got scores; declare it as an output when the model is exported.',
    );
    const asked = async (options: Parameters<typeof onnxTeacher>[1], of = file) =>
      messageOf(heard(await onnxTeacher(of, options)));
    expect(await asked({ output: 'map' })).toBe(
      'tiny.onnx: expected map of shape [7, classes], got [7, 4, 8, 8].',
    );
    expect(await asked({ output: 'logits', layout: 'NHWC' })).toBe(
      'tiny.onnx: expected images [batch, 3, 8, 8], got [7, 8, 8, 3] after preparation; see to prepare, which resizes, and to layout.',
    );
    expect(await asked({ output: 'logits', outputs: 'probabilities' })).toMatch(
      /^tiny\.onnx: expected probabilities that add up to 1, got \[.*\]; if these are logits, say outputs: 'logits'\.$/,
    );
    expect(await asked({ layout: 'NHWC' }, fixed)).toBe(
      "tinyFixed.onnx: expected logits, got rows that are 0–1 and add up to 1; take the output before the softmax, or say outputs: 'probabilities'.",
    );
  });

  test('is refused where its weights are in another file, or it is none', async () => {
    expect(await messageOf(onnxTeacher(fixture('outside.onnx')))).toBe(
      'outside.onnx: expected all weights inside the file, got some in another; save the weights inside: torch.onnx.export(…, external_data=False), or onnx.save(model, file).',
    );
    const bytes = readFileSync(fixture('tiny.onnx'));
    const file = path.join(emptyFolder(), 'broken.onnx');
    for (const broken of [
      bytes.subarray(0, 3000),
      Buffer.from('hello world, this is no model'),
      Buffer.from([8, 255, 255]),
      Buffer.alloc(0),
    ]) {
      writeFileSync(file, broken);
      expect(await messageOf(onnxTeacher(file))).toMatch(/^broken\.onnx: expected /);
    }
    expect(await messageOf(onnxTeacher(path.join(emptyFolder(), 'none.onnx')))).toMatch(
      /^none\.onnx: expected a file that can be read, got ENOENT/,
    );
  });
});

/** Three equal channels and 8 × 8 pixels of the little source's pictures. */
function greyOf(images: tf.Tensor4D): tf.Tensor4D {
  const one = tf.mean(images, 3, true) as tf.Tensor4D;
  return tf.image.resizeNearestNeighbor(tf.concat([one, one, one], 3), [8, 8]);
}
