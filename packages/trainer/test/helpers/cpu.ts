import * as tf from '@tensorflow/tfjs-core';
import { beforeAll } from 'vitest';
import '@tensorflow/tfjs-backend-cpu';
// Registers the gradients, as @kd/engine does for those who start an engine.
import '@tensorflow/tfjs-layers';

/** What follows runs on the cpu engine, where equal means equal to the last bit. */
export function onCpu(): void {
  beforeAll(async () => {
    await tf.setBackend('cpu');
  });
}
