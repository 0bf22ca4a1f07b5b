import type { Batch, ModelFingerprint, Teacher } from '@kd/core';
import { memoryStore } from '@kd/files';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { predict } from '../src/evaluate.ts';
import { cachedTeacher, cacheOutputs, mapClasses } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { messageOf } from './helpers/run.ts';
import { tinySource } from './helpers/source.ts';

const teacherClasses = ['tabby cat', 'goldfish', 'tiger_cat', 'beagle'];
const logits = [
  [1, -2, 0.5, 3],
  [90, 89, -90, 91],
  [-0.1, 0.2, 0.3, -0.4],
];

/** A teacher of these logits, with a feature. */
function fixed(rows: readonly (readonly number[])[] = logits): Teacher {
  return Object.assign(
    ({ indices }: Batch) => ({
      logits: tf.tensor2d(Array.from(indices, (index) => [...(rows[index % 3] ?? [])])),
      features: { map: tf.ones([indices.length, 2]) },
    }),
    { fingerprint: async () => ({ name: 'fixed', weights: 'w', preprocessing: 'p' }) },
  );
}

const fingerprintOf = (teacher: Teacher) =>
  (teacher.fingerprint as () => Promise<ModelFingerprint>)();

/** Probabilities of three images, rows of classes. */
async function probabilities(teacher: Teacher): Promise<number[]> {
  for await (const batch of tinySource({ rows: 3 }).iterateOnce()) {
    const { logits, features } = await predict(teacher, batch);
    const values = tf.tidy(() => Array.from(tf.softmax(logits).dataSync()));
    tf.dispose([logits, Object.values(features)]);
    return values;
  }
  return [];
}

/** Σ of the softmax over the members of each class, renormalized, in double precision. */
function renormalized(members: readonly (readonly number[])[]): number[] {
  return logits.flatMap((row) => {
    const most = Math.max(...members.flat().map((at) => row[at] as number));
    const sums = members.map((some) =>
      some.reduce((sum, at) => sum + Math.exp((row[at] as number) - most), 0),
    );
    const whole = sums.reduce((sum, one) => sum + one, 0);
    return sums.map((one) => one / whole);
  });
}

onEveryEngine(() => {
  test.each([
    {
      name: 'classes that are a part of the teacher’s, in another order',
      classNames: ['beagle', 'goldfish', 'tabby cat'],
      classMap: undefined,
      members: [[3], [1], [0]],
    },
    {
      name: 'several of the teacher’s classes as one',
      classNames: ['dog', 'cat'],
      classMap: { 'tabby cat': 'cat', tiger_cat: 'cat', beagle: 'dog' },
      members: [[3], [0, 2]],
    },
    {
      name: 'a class under its own name and another one under it too',
      classNames: ['goldfish', 'tabby cat'],
      classMap: { tiger_cat: 'tabby cat' },
      members: [[1], [0, 2]],
    },
  ])('softmax is the renormalized sum: $name', async ({ classNames, classMap, members }) => {
    const mapped = mapClasses(fixed(), {
      teacherClasses,
      classNames,
      ...(classMap && { classMap }),
    });
    await expectNoNewTensors(async () => {
      expectClose(await probabilities(mapped), renormalized(members), 1e-5);
    });
  });

  test('features are passed through, of a direct call too, and nothing is left behind', async () => {
    const mapped = mapClasses(fixed(), { teacherClasses, classNames: ['beagle', 'goldfish'] });
    await expectNoNewTensors(async () => {
      for await (const batch of tinySource({ rows: 3 }).iterateOnce()) {
        const { logits, features } = mapped(batch);
        expect([logits.shape, features.map?.shape]).toEqual([
          [3, 2],
          [3, 2],
        ]);
        tf.dispose([logits, Object.values(features)]);
      }
    });
  });
});

describe('mapClasses', () => {
  onCpu();

  test('its fingerprint is another one for every map: a cache of another map is refused', async () => {
    const classNames = ['a', 'b', 'c'];
    const options = { teacherClasses, classNames };
    const [one, other] = [
      { 'tabby cat': 'a', goldfish: 'b', beagle: 'c' },
      { tiger_cat: 'a', goldfish: 'b', beagle: 'c' },
    ].map((classMap) => mapClasses(fixed(), { ...options, classMap })) as [Teacher, Teacher];
    expect(await fingerprintOf(one)).toMatchObject({
      name: 'fixed mapped to 3 classes',
      weights: 'w',
      preprocessing: expect.stringMatching(/^p; classes [0-9a-f]{64}$/),
    });
    const [store, data] = [memoryStore(), tinySource({ rows: 3 })];
    await cacheOutputs({ teacher: one, data, store });
    const cached = await cachedTeacher({ store, data, teacher: await fingerprintOf(one) });
    expectClose(await probabilities(cached), renormalized([[0], [1], [3]]), 1e-5);
    expect(
      await messageOf(cachedTeacher({ store, data, teacher: await fingerprintOf(other) })),
    ).toMatch(/^teacher\.safetensors in memory: expected a cache of a teacher with the preprocess/);
  });

  test.each<[string, Partial<Parameters<typeof mapClasses>[1]>, string]>([
    [
      'a class without one of the teacher, but for its case and punctuation',
      { classNames: ['Tabby_Cat', 'goldfish', 'Tiger cat'] },
      'mapClasses: expected a class of the teacher for every class of the data, got none for \'Tabby_Cat\', \'Tiger cat\'; do you mean classMap: {"tabby cat":"Tabby_Cat","tiger_cat":"Tiger cat"}.',
    ],
    [
      'a class that is nowhere',
      { classNames: ['goldfish', 'horse'] },
      "mapClasses: expected a class of the teacher for every class of the data, got none for 'horse'; name them in classMap, from the teacher's 'tabby cat', 'goldfish', 'tiger_cat', 'beagle'.",
    ],
    [
      'a map from a class that the teacher lacks',
      { classNames: ['cat'], classMap: { 'Tabby Cat': 'cat' } },
      "mapClasses: expected a class of the teacher in classMap, got 'Tabby Cat'; there is 'tabby cat'.",
    ],
    [
      'a map to a class that the data lack',
      { classNames: ['cat'], classMap: { beagle: 'dog' } },
      "mapClasses: expected a class of the data in classMap for beagle, got 'dog'; there are 'cat'.",
    ],
    [
      'a class named twice',
      { classNames: ['beagle', 'beagle'] },
      "mapClasses: expected classNames that differ, got 'beagle' twice.",
    ],
  ])('%s: an error', (_, options, message) => {
    expect(() =>
      mapClasses(fixed(), { teacherClasses, classNames: ['beagle'], ...options }),
    ).toThrow(new RangeError(message));
  });

  test('a name of two classes of the teacher is refused where it is used', async () => {
    const cranes = ['crane', 'goldfish', 'crane', 'beagle'];
    const unused = mapClasses(fixed(), {
      teacherClasses: cranes,
      classNames: ['goldfish', 'beagle'],
    });
    expectClose(await probabilities(unused), renormalized([[1], [3]]), 1e-5);
    const used = { teacherClasses: cranes, classNames: ['bird'], classMap: { crane: 'bird' } };
    expect(() => mapClasses(fixed(), used)).toThrow(
      "mapClasses: expected names of teacherClasses that are used to stand for one class, got 'crane' twice; give the two different names in teacherClasses.",
    );
  });

  test('a teacher of other logits is refused at its first batch', async () => {
    const mapped = mapClasses(fixed(), { teacherClasses: ['a', 'b'], classNames: ['a'] });
    const before = tf.memory().numTensors;
    expect(await messageOf(probabilities(mapped))).toBe(
      'mapClasses: expected a teacher of the 2 teacherClasses, got logits of 4; name all classes of the teacher in the order of its logits.',
    );
    expect(tf.memory().numTensors).toBe(before);
  });
});
