import * as tf from '@tensorflow/tfjs-core';
import type { EngineProvider } from '../contracts.ts';

/** Plain JavaScript: slow, exact, available everywhere. */
export const cpu: EngineProvider = {
  name: 'cpu',
  async open() {
    const { version_cpu: version } = await import('@tensorflow/tfjs-backend-cpu');
    // In Node its first use prints the advice to install another package.
    if (tf.findBackend('cpu') !== null) Reflect.set(tf.findBackend('cpu'), 'firstUse', false);
    return { version, device: 'CPU', threads: 1, notes: ['JavaScript'] };
  },
};
