import { linear } from '@kd/core';
import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  combine,
  crossEntropy,
  crossEntropyPerExample,
  klDivergencePerExample,
  logitsMse,
  logitsMsePerExample,
  softTargets,
  softTargetsPerExample,
  tutorialLoss,
  tutorialLossPerExample,
  weighted,
} from '../../src/index.ts';
import { expectEdge, expectGolden, labels, logits, perExample, stepOf } from '../golden.ts';
import {
  expectFinite,
  expectRestAtTeacher,
  expectRightGradient,
  expectTidy,
  expectUnchanged,
  small,
} from './helpers.ts';

describe('crossEntropy', () => {
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
});

describe('klDivergence', () => {
  onEveryEngine(() => {
    test('each example has the golden divergence, without T²', () =>
      tf.tidy(() => {
        const { temperature, kl } = perExample;
        expectClose(
          klDivergencePerExample(logits('S'), logits('T'), { temperature }).dataSync(),
          kl,
          1e-5,
        );
      }));
    test('a scalar temperature is the same as the number', () =>
      tf.tidy(() => {
        const withScalar = klDivergencePerExample(logits('S'), logits('T'), {
          temperature: tf.scalar(perExample.temperature),
        });
        expectClose(withScalar.dataSync(), perExample.kl, 1e-5);
      }));
    test('it stays precise where the student is near its teacher', () =>
      tf.tidy(() => {
        const [student, teacher] = [
          logits('S'),
          tf.add(logits('S'), tf.mul(logits('T'), 0.1)) as tf.Tensor2D,
        ];
        const expected = rowsOf(student).map((row, at) =>
          divergenceInFloat64(row, rowsOf(teacher)[at] as number[], 16),
        );
        expectClose(
          klDivergencePerExample(student, teacher, { temperature: 16 }).dataSync(),
          expected,
          1e-5,
        );
      }));
    test('the gradient to a temperature that is a tensor is that of finite differences', () =>
      tf.tidy(() => {
        const loss = (temperature: tf.Tensor) =>
          tf.sum(
            klDivergencePerExample(logits('S'), logits('T'), {
              temperature: temperature as tf.Scalar,
            }),
          ) as tf.Scalar;
        const at = tf.scalar(2);
        expectClose(tf.grad(loss)(at).dataSync(), numericalGradient(loss, at), 1e-3);
      }));
    test('no gradient reaches the teacher', () =>
      tf.tidy(() => {
        const loss = (teacher: tf.Tensor) =>
          tf.sum(klDivergencePerExample(logits('S'), teacher as tf.Tensor2D, { temperature: 2 }));
        expectClose(tf.grad(loss)(logits('T')).dataSync(), new Array(40).fill(0), 0);
      }));
    test('it leaves no tensor but its result', async () => {
      const [student, teacher] = [logits('S'), logits('T')];
      await expectNoNewTensors(() =>
        klDivergencePerExample(student, teacher, { temperature: 2 }).dispose(),
      );
      tf.dispose([student, teacher]);
    });
    test('bad temperatures and shapes are named', () =>
      tf.tidy(() => {
        const student = tf.zeros<tf.Rank.R2>([4, 10]);
        expect(() => klDivergencePerExample(student, student, { temperature: 0 })).toThrow(
          'klDivergence: expected temperature > 0, got 0; 4 is usual.',
        );
        expect(() =>
          klDivergencePerExample(student, tf.zeros([4, 100]), { temperature: 1 }),
        ).toThrow(
          'klDivergence: expected student logits and teacher logits of the same shape, got [4, 10] and [4, 100].',
        );
      }));
  });

  function rowsOf(logits: tf.Tensor2D): number[][] {
    return logits.arraySync();
  }

  function divergenceInFloat64(
    student: readonly number[],
    teacher: readonly number[],
    temperature: number,
  ): number {
    const [p, q] = [teacher, student].map((logits) => {
      const weights = logits.map((logit) => Math.exp(logit / temperature));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      return weights.map((weight) => weight / sum);
    }) as [number[], number[]];
    return p.reduce(
      (sum, probability, at) => sum + probability * Math.log(probability / (q[at] as number)),
      0,
    );
  }
});

describe('softTargets', () => {
  onEveryEngine(() => {
    test.each([1, 2, 4, 20])(
      'it is RepDistiller’s DistillKL at temperature %d, in value and gradient',
      (temperature) => {
        expectGolden(`kd.T${temperature}`, softTargets({ temperature }));
      },
    );
    test('and on other logits, with the default temperature', () =>
      expectGolden('rich.kd.T4', softTargets(), 'Sr', 'Tr'));
    test.each(['extreme.kd.T1', 'extreme.kd.same.T1', 'extreme.kd.T4', 'extreme.kd.same.T4'])(
      'value and gradient are right at |logit| = 1e3: %s',
      (id) => {
        expectEdge(id, softTargets({ temperature: Number(id.at(-1)) }));
      },
    );
    test('each example carries T² times its divergence', () =>
      tf.tidy(() => {
        const { temperature, kl } = perExample;
        const examples = softTargetsPerExample(logits('S'), logits('T'), {
          temperature,
        }).dataSync();
        expectClose(
          examples,
          kl.map((divergence) => divergence * temperature ** 2),
          1e-5,
        );
      }));

    test('its gradient is that of finite differences', () =>
      tf.tidy(() => {
        const student = tf.tensor2d([0.3, -0.2, 0.1, 0.7, 1.1, -0.4], [2, 3]);
        const teacher = tf.tensor2d([1.3, 0.2, -0.8, -0.7, 2.1, 0.4], [2, 3]);
        const loss = (x: tf.Tensor) =>
          softTargets({ temperature: 2 })(
            stepOf(x as tf.Tensor2D, teacher, tf.zeros([2], 'int32')),
          );
        expectClose(tf.grad(loss)(student).dataSync(), numericalGradient(loss, student), 1e-3);
      }));
    test('a student equal to its teacher costs 0 and has gradient 0', () =>
      tf.tidy(() => {
        const loss = (x: tf.Tensor) =>
          softTargets()(stepOf(x as tf.Tensor2D, logits('S'), labels()));
        const { value, grad } = tf.valueAndGrad(loss)(logits('S'));
        expect(value.dataSync()[0]).toBe(0);
        expectClose(grad.dataSync(), new Array(40).fill(0), 1e-6);
      }));
    test('a constant added to either’s rows changes nothing', () =>
      tf.tidy(() => {
        const options = { temperature: 4 };
        const plain = softTargetsPerExample(logits('S'), logits('T'), options).dataSync();
        const offsets = tf.tensor2d([8, -3, 20, 0], [4, 1]);
        expectClose(
          softTargetsPerExample(tf.add(logits('S'), offsets), logits('T'), options).dataSync(),
          plain,
          1e-5,
        );
        expectClose(
          softTargetsPerExample(logits('S'), tf.add(logits('T'), offsets), options).dataSync(),
          plain,
          1e-5,
        );
      }));
    test('the order of the examples does not matter', () =>
      tf.tidy(() => {
        const reversed = softTargets()(
          stepOf(tf.reverse(logits('S'), 0), tf.reverse(logits('T'), 0), labels()),
        );
        expectClose(
          reversed.dataSync(),
          softTargets()(stepOf(logits('S'), logits('T'), labels())).dataSync(),
          1e-6,
        );
      }));
    test('a scheduled temperature is a scheduled value', () =>
      tf.tidy(() => {
        const term = softTargets({ temperature: linear({ from: 20, to: 1 }) });
        expect(term.schedules?.temperature?.(0)).toBe(20);
        expectGolden('kd.T2', (step) =>
          term({ ...step, scheduledValues: { temperature: tf.scalar(2) } }),
        );
        expect(() => term(stepOf(logits('S'), logits('T'), labels()))).toThrow(
          "softTargets: expected step.scheduledValues['temperature'], got nothing; evaluate the term's `schedules` and pass their values.",
        );
      }));
    test('it leaves no tensor but its result', async () => {
      const step = stepOf(logits('S'), logits('T'), labels(), { temperature: tf.scalar(3) });
      await expectNoNewTensors(() => softTargets()(step).dispose());
      await expectNoNewTensors(() => softTargets({ temperature: () => 3 })(step).dispose());
      tf.dispose([
        step.student.logits,
        step.labels,
        step.scheduledValues.temperature as tf.Scalar,
        ...(step.teacher ? [step.teacher.logits] : []),
      ]);
    });

    test('a missing teacher, bad temperatures and other classes are named', () =>
      tf.tidy(() => {
        const student = tf.zeros<tf.Rank.R2>([4, 10]);
        expect(softTargets().needsTeacher).toBe(true);
        expect(() => softTargets({ temperature: 0 })).toThrow(
          new RangeError('softTargets: expected temperature > 0, got 0; 4 is usual.'),
        );
        expect(() => softTargets({ temperature: Number.NaN })).toThrow(
          'softTargets: expected temperature > 0, got NaN; 4 is usual.',
        );
        expect(() => softTargets()(stepOf(student, undefined, labels()))).toThrow(
          'softTargets: expected a teacher in the step, got nothing; train with a teacher or remove this term.',
        );
        expect(() => softTargets()(stepOf(student, tf.zeros([4, 100]), labels()))).toThrow(
          'softTargets: expected student logits and teacher logits of the same shape, got [4, 10] and [4, 100].',
        );
      }));
  });
});

describe('tutorialLoss', () => {
  onEveryEngine(() => {
    test('it is the tutorial’s loss_kd as printed, in value and gradient', () => {
      expectGolden('seed.a0.5.T1', tutorialLoss());
      expectGolden('seed.a0.9.T4', tutorialLoss({ temperature: 4, alpha: 0.9 }));
    });
    test('the right one beside it is Hinton’s weighted pair', () => {
      const pair = (alpha: number, temperature: number) =>
        combine({
          hard: weighted(1 - alpha, crossEntropy()),
          soft: weighted(alpha, softTargets({ temperature })),
        });
      expectGolden('hinton.a0.5.T1', (step) => pair(0.5, 1)(step).total);
      expectGolden('hinton.a0.9.T4', (step) => pair(0.9, 4)(step).total);
    });
    test('its teacher’s part is that of soft targets divided by the classes', () =>
      tf.tidy(() => {
        const step = stepOf(logits('S'), logits('T'), labels());
        const right = softTargets({ temperature: 3 })(step).dataSync()[0] as number;
        expectClose(
          tutorialLoss({ temperature: 3, alpha: 1 })(step).dataSync(),
          [right / 10],
          1e-6,
        );
      }));
    test('it leaves no tensor but its result', async () => {
      const [student, teacher, classes] = [logits('S'), logits('T'), labels()];
      await expectNoNewTensors(() => tutorialLoss()(stepOf(student, teacher, classes)).dispose());
      await expectNoNewTensors(() => tutorialLossPerExample(student, teacher, classes).dispose());
      tf.dispose([student, teacher, classes]);
    });
    test('bad options and a missing teacher are named', () =>
      tf.tidy(() => {
        expect(tutorialLoss().needsTeacher).toBe(true);
        expect(() => tutorialLoss({ temperature: -1 })).toThrow(
          'tutorialLoss: expected temperature > 0, got -1; 4 is usual.',
        );
        expect(() => tutorialLoss({ alpha: 1.5 })).toThrow(
          'tutorialLoss: expected alpha in [0, 1], got 1.5; the tutorial has 0.5.',
        );
        expect(() => tutorialLoss()(stepOf(logits('S'), undefined, labels()))).toThrow(
          'tutorialLoss: expected a teacher in the step, got nothing; train with a teacher or remove this term.',
        );
      }));
  });
});

describe('logitsMse', () => {
  onEveryEngine(() => {
    test('each example carries the mean of its squared differences', () =>
      tf.tidy(() => {
        const student = tf.tensor2d([1, 2, 3, 0, 0, 0], [2, 3]);
        expectClose(
          logitsMsePerExample(student, tf.tensor2d([1, 0, 0, 3, -3, 0], [2, 3])).dataSync(),
          [13 / 3, 6],
          1e-6,
        );
      }));
    test('its gradient is that of finite differences, and the teacher has none', () =>
      expectRightGradient(logitsMse()));
    test('a student equal to its teacher costs 0 and has gradient 0', () =>
      expectRestAtTeacher(logitsMse()));
    test('the order of examples and of classes does not matter', () => {
      expectUnchanged(logitsMse(), (x) => tf.reverse(x, 0));
      expectUnchanged(logitsMse(), (x) => tf.reverse(x, 1));
    });
    test('value and gradient are finite at the edges', () => expectFinite(logitsMse()));
    test('it leaves no tensor but its result', () => expectTidy(logitsMse()));
    test('a missing teacher and other classes are named', () =>
      tf.tidy(() => {
        const { student, labels } = small();
        expect(logitsMse().needsTeacher).toBe(true);
        expect(() => logitsMse()(stepOf(student, undefined, labels))).toThrow(
          'logitsMse: expected a teacher in the step',
        );
        expect(() => logitsMsePerExample(student, tf.zeros([3, 5]))).toThrow(
          'logitsMse: expected student logits and teacher logits of the same shape, got [3, 4] and [3, 5].',
        );
      }));
  });
});
