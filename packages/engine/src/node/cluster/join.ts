import type { ProcessGroup } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Runtime } from '../tensorflow/binding.ts';
import { makeGroup } from './group.ts';
import type { ProcessGroupOptions } from './options.ts';

/** TensorFlow's code for what was called off. */
const cancelled = 1;

/**
 * Makes the group, and sees to it that this process can end: whoever still waits for a sum would
 * hold it up for ever.
 */
export function joinCluster(
  { api, context }: Runtime,
  cluster: Required<ProcessGroupOptions>,
): ProcessGroup {
  process.on('exit', () => {
    const status = api.TF_NewStatus();
    api.TF_SetStatus(status, cancelled, `process ${cluster.index} of the group ends`);
    api.TFE_AbortCollectiveOps(context.at, status);
  });
  return makeGroup(cluster);
}

/** Waits until all processes are there. @throws Error after the cluster's timeout. */
export async function meet({ size, allReduceSum: sum }: ProcessGroup): Promise<void> {
  const counted = tf.tidy(() => sum(tf.ones([1])));
  const [processes] = await counted.data();
  counted.dispose();
  if (processes !== size)
    throw new Error(`startEngine: expected ${size} processes in the group, got ${processes}.`);
}
