import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  combine,
  crossEntropy,
  softTargets,
  tutorialLoss,
  tutorialLossPerExample,
  weighted,
} from '../src/index.ts';
import { expectGolden, labels, logits, stepOf } from './golden.ts';

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
      expectClose(tutorialLoss({ temperature: 3, alpha: 1 })(step).dataSync(), [right / 10], 1e-6);
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
        'tutorialLoss: expected a teacher in the step, got nothing; train with a teacher or take this term out.',
      );
    }));
});
