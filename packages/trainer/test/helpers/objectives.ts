import type { LossInputs, Objective, Schedule } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/** Cross entropy alone, as the term `hard`. */
export function hard(): Objective<'hard'> {
  const objective = (step: LossInputs) => {
    const value = crossEntropy(step);
    return { total: value, terms: { hard: value } };
  };
  return Object.assign(objective, { weights: {}, schedules: {}, needsTeacher: false });
}

/**
 * hard + weight · (cross entropy to the teacher), the weight a schedule; a learned scale
 * `soft.scale` of the student's logits.
 */
export function taught(weight: Schedule): Objective<'hard' | 'soft'> & { dispose(): void } {
  const scale = tf.tidy(() => tf.variable(tf.scalar(1)));
  const objective = (step: LossInputs) => {
    if (step.teacher === undefined) throw new Error('taught: no teacher');
    const one = crossEntropy(step);
    const student = tf.logSoftmax(tf.mul(step.student.logits, scale) as tf.Tensor2D);
    const cross = tf.neg(tf.mean(tf.sum(tf.mul(tf.softmax(step.teacher.logits), student), 1)));
    const soft = tf.mul(cross, step.scheduledValues['soft.weight'] as tf.Scalar) as tf.Scalar;
    return { total: tf.add(one, soft) as tf.Scalar, terms: { hard: one, soft } };
  };
  return Object.assign(objective, {
    weights: { 'soft.scale': scale },
    schedules: { 'soft.weight': weight },
    needsTeacher: true,
    dispose: () => scale.dispose(),
  });
}

/** Cross entropy, and the mean squared distance to a feature of the teacher. */
export function near(tap: string): Objective<'hard' | 'near'> {
  const objective = (step: LossInputs) => {
    const one = crossEntropy(step);
    const [own, other] = [step.student.features[tap], step.teacher?.features[tap]];
    if (own === undefined || other === undefined) throw new Error(`near: no feature ${tap}`);
    const distance = tf.mean(tf.squaredDifference(own, other)) as tf.Scalar;
    return { total: tf.add(one, distance) as tf.Scalar, terms: { hard: one, near: distance } };
  };
  return Object.assign(objective, { weights: {}, schedules: {}, needsTeacher: true });
}

function crossEntropy({ labels, student }: LossInputs): tf.Scalar {
  const truth = tf.cast(tf.oneHot(labels, student.logits.shape[1]), 'float32');
  return tf.neg(tf.mean(tf.sum(tf.mul(truth, tf.logSoftmax(student.logits)), 1))) as tf.Scalar;
}
