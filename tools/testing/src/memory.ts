import * as tf from '@tensorflow/tfjs-core';

/** Throws when `run` leaves more or fewer tensors on the current engine than it found. */
export async function expectNoNewTensors(run: () => void | Promise<void>): Promise<void> {
  const before = tf.memory().numTensors;
  await run();
  const left = tf.memory().numTensors - before;
  if (left > 0)
    throw new Error(
      `expectNoNewTensors: expected no tensor left behind, got ${left}; free them with tf.tidy or dispose.`,
    );
  if (left < 0)
    throw new Error(
      `expectNoNewTensors: expected nothing of the caller's to be freed, got ${-left} tensors fewer.`,
    );
}
