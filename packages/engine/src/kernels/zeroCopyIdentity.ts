import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replaceKernel.ts';

/** The method of a backend that counts references to its data. */
interface Counting {
  incRef(dataId: tf.DataId): void;
}

/**
 * Registers clones that share their data, as on other backends: `wasm` copies it, and TensorFlow.js
 * clones every tensor that it saves for a gradient. A cast to bool gives 0 and 1, as elsewhere:
 * upstream's keeps the numbers.
 */
export function registerZeroCopyIdentity(backendName: string): void {
  replaceKernel(
    'Identity',
    backendName,
    (stock) => (call) => (isString(call) ? stock(call) : shareData(call)),
  );
  replaceKernel('Cast', backendName, (stock) => (call) => {
    const { x } = call.inputs as { x: tf.Tensor };
    if (x.dtype === call.attrs?.dtype && !isString(call)) return shareData(call);
    if (call.attrs?.dtype === 'bool' && !isString(call))
      return tf.tidy(() => tf.notEqual(x, tf.scalar(0, x.dtype)));
    return stock(call);
  });
}

function isString({ inputs }: Parameters<tf.KernelFunc>[0]): boolean {
  return inputs.x?.dtype === 'string';
}

function shareData({ inputs, backend }: Parameters<tf.KernelFunc>[0]): tf.TensorInfo {
  const { dataId, shape, dtype } = inputs.x as tf.TensorInfo;
  (backend as Counting).incRef(dataId);
  return { dataId, shape, dtype };
}
