import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { uniform } from '@kd/core';
import { startEngine } from '@kd/engine';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadNetwork } from '../src/model/classifier.ts';
import { type Manifest, parseManifest } from '../src/model/manifest.ts';
import { type Lesson, type TeachingProgress, teach } from '../src/model/teach.ts';
import { softmax } from '../src/page/answers.ts';
import { describeMissing } from '../src/page/lessons.ts';

const model = fileURLToPath(new URL('../public/model/', import.meta.url));

describe('a lesson', () => {
  let manifest: Manifest;
  const imageShape = [16, 16, 3] as const;
  /** Five pictures of stripes that stand, and five of stripes that lie, under noise. */
  const lesson: Lesson = {
    classNames: ['standing', 'lying'],
    pixels: Uint8Array.from({ length: 10 * 768 }, (_, at) => {
      const [picture, place] = [Math.floor(at / 768), Math.floor(at / 3) % 256];
      const along = picture % 2 === 0 ? place % 16 : Math.floor(place / 16);
      return 128 + 60 * Math.sin(along) + 60 * (uniform(1, 0, at) - 0.5);
    }),
    labels: Array.from({ length: 10 }, (_, picture) => picture % 2),
    imageShape,
    temperature: 4,
  };

  beforeAll(async () => {
    await startEngine({ engine: 'wasm', log: () => {} });
    manifest = parseManifest(await readFile(path.join(model, 'model.json'), 'utf8'));
  });

  test('teaches the teacher, then the student, the same way every time', async () => {
    const [first, again] = [await run(), await run()];
    expect(again).toEqual(first);
    for (const learner of ['teacher', 'student'] as const) {
      const points = first.filter((point) => point.learner === learner);
      expect(points.map(({ epoch }) => epoch)).toEqual(points.map((_, at) => at));
      const [before, after] = [points[0] as TeachingProgress, points.at(-1) as TeachingProgress];
      expect(after.epoch).toBe(after.epochs);
      expect(after.loss).toBeLessThan(before.loss / 4);
      expect(after.accuracy).toBe(1);
    }
  });

  async function run(): Promise<TeachingProgress[]> {
    const options = { classes: 2, head: 'skip' } as const;
    const [student, teacher] = await Promise.all(
      (['student', 'teacher'] as const).map(async (role) =>
        loadNetwork(manifest[role], await readFile(path.join(model, manifest[role].file)), options),
      ),
    );
    if (student === undefined || teacher === undefined) throw new Error('expected two networks');
    const points: TeachingProgress[] = [];
    for await (const point of teach(student, teacher, lesson)) points.push(point);
    for (const network of [student, teacher]) network.dispose();
    return points;
  }
});

test('what a lesson lacks is said in the order of the cards', () => {
  const pictures = [new Uint8Array(3), new Uint8Array(3)];
  const say = (...classes: Parameters<typeof describeMissing>[0]) => describeMissing(classes);
  expect(say({ name: '', pictures }, { name: '', pictures: [] })).toBe('Give thing 1 a name.');
  expect(say({ name: 'cup', pictures }, { name: 'cup', pictures })).toBe(
    'Two things are called “cup”: give one another name.',
  );
  expect(say({ name: 'cup', pictures: pictures.slice(1) })).toBe(
    'Give “cup” 2 pictures or more; it has 1.',
  );
  expect(say({ name: 'cup', pictures }, { name: 'plant', pictures })).toBeUndefined();
});

test('probabilities add up to 1, also of large logits, and a temperature evens them out', () => {
  expect(softmax([1000, 1000])).toEqual([0.5, 0.5]);
  const [sharp, soft] = [softmax([2, 0]), softmax([2, 0], 4)];
  expect(sharp[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 12);
  expect(soft[0]).toBeCloseTo(1 / (1 + Math.exp(-0.5)), 12);
});

test('model.json of another version and other texts are refused', () => {
  expect(() => parseManifest('{"format": 0}')).toThrow(
    'model.json: expected format 1, got 0; write it again: npm run models -w examples/browser.',
  );
  expect(() => parseManifest('<html>')).toThrow('model.json: expected JSON, got other text');
});
