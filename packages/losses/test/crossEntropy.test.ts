import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { crossEntropy, crossEntropyPerExample } from '../src/index.ts';
import { expectEdge, expectGolden, labels, logits, stepOf } from './golden.ts';

onEveryEngine(() => {
  test('it is PyTorch’s cross entropy, in value and gradient', () =>
    expectGolden('ce', crossEntropy()));
  test('smoothing gives ε/C to every class, as in PyTorch', () => {
    expectGolden('ce.smooth0.1', crossEntropy({ smoothing: 0.1 }));
    expectGolden('ce.smooth0.3', crossEntropy({ smoothing: 0.3, spread: 'all classes' }));
  });
  test('smoothing over the other classes is Tf-KD’s', () =>
    expectGolden('lsr.tfkd', crossEntropy({ smoothing: 0.1, spread: 'other classes' })));
  test('smoothing ε over the others is smoothing ε·C/(C − 1) over all', () =>
    tf.tidy(() => {
      const others = crossEntropyPerExample(logits('S'), labels(), {
        smoothing: 0.2,
        spread: 'other classes',
      });
      expectClose(
        crossEntropyPerExample(logits('S'), labels(), { smoothing: (0.2 * 10) / 9 }).dataSync(),
        others.dataSync(),
        1e-6,
      );
    }));
  test('value and gradient are right where |logit| = 1e3', () =>
    expectEdge('extreme.ce', crossEntropy()));

  test('its gradient is that of finite differences', () =>
    tf.tidy(() => {
      const student = tf.tensor2d([0.3, -0.2, 0.1, 0.7, 1.1, -0.4], [2, 3]);
      const classes = tf.tensor1d([2, 0], 'int32');
      const loss = (x: tf.Tensor) =>
        crossEntropy({ smoothing: 0.1 })(stepOf(x as tf.Tensor2D, undefined, classes));
      expectClose(tf.grad(loss)(student).dataSync(), numericalGradient(loss, student), 1e-3);
    }));
  test('the mean of the examples is the term', () =>
    tf.tidy(() => {
      const examples = crossEntropyPerExample(logits('S'), labels());
      expect(examples.shape).toEqual([4]);
      expectClose(
        tf.mean(examples).dataSync(),
        crossEntropy()(stepOf(logits('S'), undefined, labels())).dataSync(),
        1e-6,
      );
    }));
  test('equal logits cost log C whatever the label and the smoothing', () =>
    tf.tidy(() => {
      const examples = crossEntropyPerExample(
        tf.fill([3, 7], 2.5),
        tf.tensor1d([0, 3, 6], 'int32'),
        { smoothing: 0.4 },
      );
      expectClose(examples.dataSync(), [Math.log(7), Math.log(7), Math.log(7)], 1e-6);
    }));
  test('a constant added to a row of logits changes nothing', () =>
    tf.tidy(() => {
      const shifted = tf.add(logits('S'), tf.tensor2d([8, -3, 100, 0], [4, 1])) as tf.Tensor2D;
      expectClose(
        crossEntropyPerExample(shifted, labels()).dataSync(),
        crossEntropyPerExample(logits('S'), labels()).dataSync(),
        1e-5,
      );
    }));
  test('it leaves no tensor but its result', async () => {
    const [student, classes] = [logits('S'), labels()];
    await expectNoNewTensors(() =>
      crossEntropy({ smoothing: 0.1 })(stepOf(student, undefined, classes)).dispose(),
    );
    tf.dispose([student, classes]);
  });

  test('bad options and shapes are named', () =>
    tf.tidy(() => {
      const student = tf.zeros<tf.Rank.R2>([4, 10]);
      const withLabels = (classes: tf.Tensor) => () =>
        crossEntropyPerExample(student, classes as tf.Tensor1D);
      expect(() => crossEntropy({ smoothing: 1 })).toThrow(
        new RangeError('crossEntropy: expected smoothing in [0, 1), got 1; 0.1 is usual.'),
      );
      expect(() => crossEntropy({ smoothing: Number.NaN })).toThrow(
        'crossEntropy: expected smoothing in [0, 1), got NaN; 0.1 is usual.',
      );
      expect(withLabels(tf.zeros([3], 'int32'))).toThrow(
        'crossEntropy: expected labels [batch] for logits [4, 10] of shape [4], got [3].',
      );
      expect(withLabels(tf.zeros([4, 10], 'int32'))).toThrow(
        'crossEntropy: expected labels [batch] for logits [4, 10] of shape [4], got [4, 10].',
      );
      expect(withLabels(tf.zeros([4]))).toThrow(
        'crossEntropy: expected labels of type int32, got float32; they are class numbers from 0, not one-hot rows.',
      );
      expect(() =>
        crossEntropyPerExample(tf.zeros([4]) as unknown as tf.Tensor2D, tf.zeros([4], 'int32')),
      ).toThrow('crossEntropy: expected logits [batch, classes] of shape [any, any], got [4].');
      expect(() =>
        crossEntropyPerExample(tf.zeros([4, 1]), tf.zeros([4], 'int32'), {
          spread: 'other classes',
        }),
      ).toThrow("crossEntropy: expected at least 2 classes with spread 'other classes', got 1.");
      expect(() =>
        crossEntropyPerExample(student, tf.zeros([4], 'int32'), {
          spread: 'none' as 'all classes',
        }),
      ).toThrow("crossEntropy: expected spread 'all classes' or 'other classes', got none.");
    }));
});
