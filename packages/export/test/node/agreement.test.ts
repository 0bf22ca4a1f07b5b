import { describe, expect, test } from 'vitest';
import { compareAnswers, explainDisagreement } from '../../src/node/agreement.ts';
import { checkModel, timeModels } from '../../src/node/checkModel.ts';
import { arrange, type LoadedModel } from '../../src/node/runtimes/runtime.ts';

/** Ten images of three classes; the network is right for all but the last. */
const labels = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0];
const answers = new Float32Array(30);
for (const [image, label] of labels.entries()) answers[3 * image + label] = 8;
answers.set([1, 4, 0], 27);

function agree(change: (given: Float32Array) => void) {
  const given = answers.slice();
  change(given);
  const comparison = compareAnswers(answers, labels, 'test');
  comparison.add(given, 0);
  return comparison.result;
}

describe('answers of a file and of its network', () => {
  test('changes, classes and accuracies are counted', () => {
    const result = agree((given) => {
      given[1] = 9; // image 0: class 1 instead of 0
      given[28] = 0; // image 9: class 0, which is right
    });
    expect(result).toEqual({
      images: 10,
      largestChange: 9,
      scale: 8,
      sameClass: 0.8,
      accuracy: 0.9,
      networkAccuracy: 0.9,
    });
  });

  test('float32 may move by a thousandth of the largest answer, not by two', () => {
    expect(
      explainDisagreement(
        agree((given) => given.set([8.007])),
        'float32',
      ),
    ).toBeUndefined();
    expect(
      explainDisagreement(
        agree((given) => given.set([8.016])),
        'float32',
      ),
    ).toBe('answers that move by 0.0160 (at most 0.00800)');
    expect(
      explainDisagreement(
        agree((given) => given.set([8.016])),
        'float16',
      ),
    ).toBeUndefined();
  });

  test('of few images one may have another class; of many 5 in 100, in 8 bits', () => {
    const one = agree((given) => given.set([0, 1, 0]));
    expect(explainDisagreement(one, 'int8')).toBeUndefined();
    const three = agree((given) => given.set([0, 1, 0, 1, 0, 0, 0, 1, 0]));
    expect(explainDisagreement(three, 'int8')).toBe(
      'the same class for 70.00 % of 10 images (at least 95.0 %); 60.00 % right, the network 90.00 % (at most 1.0 points less)',
    );
    expect(explainDisagreement({ ...one, images: 1000, sameClass: 0.951 }, 'int8')).toContain(
      '80.00 % right',
    );
  });

  test('answers that are no numbers disagree', () => {
    expect(
      explainDisagreement(
        agree((given) => given.set([Number.NaN], 4)),
        'int8',
      ),
    ).toContain('answers that are no numbers');
  });

  test('another number of answers is an error', () => {
    const comparison = compareAnswers(answers, labels, 'student.onnx');
    expect(() => comparison.add(new Float32Array(4), 0)).toThrow(
      'student.onnx: expected 3 answers for each image, got 4.',
    );
  });
});

/** A model that answers with the row of the image that its only pixel names. */
function fakeModel(batches: number[], milliseconds: number): LoadedModel {
  return {
    loadMilliseconds: 1,
    async run(images, batch) {
      batches.push(batch);
      const values = Array.from(images).flatMap((row) => [
        ...answers.subarray(3 * row, 3 * row + 3),
      ]);
      return { values: Float32Array.from(values), milliseconds: milliseconds * batch };
    },
    close: async () => {},
  };
}

const images = {
  labels,
  answers,
  read: (from: number, to: number) =>
    Float32Array.from({ length: to - from }, (_, at) => from + at),
};

test('the first images are answered in batches of 1, 2 and 3 too', async () => {
  const batches: number[] = [];
  const done: number[] = [];
  const { agreement } = await checkModel(fakeModel(batches, 1), images, {
    caller: 'test',
    onImages: (count) => done.push(count),
  });
  expect(batches).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 10]);
  expect(done).toEqual([10]);
  expect(agreement).toMatchObject({ images: 10, largestChange: 0, sameClass: 1 });
});

test('models take turns, and the median of their own times counts', async () => {
  const batches: number[] = [];
  const models = [2, 3].map((time) => ({ model: fakeModel(batches, time), images }));
  expect(await timeModels(models, { rounds: 3 })).toEqual([
    { batch1: 2, batch32: 64 },
    { batch1: 3, batch32: 96 },
  ]);
  expect(batches).toHaveLength(2 * 4 * 6);
});

test('images whose channels come first', () => {
  const shape = { imageShape: [1, 2, 3], classes: 2 } as const;
  const pixels = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
  expect([...arrange(pixels, 2, { ...shape, layout: 'nchw' })]).toEqual([
    1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12,
  ]);
  expect(arrange(pixels, 2, { ...shape, layout: 'nhwc' })).toBe(pixels);
});
