import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replace.ts';

/** What a backend that counts references to its data has besides. */
interface Counting {
  incRef(dataId: tf.DataId): void;
}

/**
 * `wasm` copies the data in every clone, and TensorFlow.js clones every tensor that it saves for a
 * gradient: here, as on other backends, both tensors share the
 * data. A cast to bool gives 0 and 1, as elsewhere: upstream's keeps the numbers.
 */
export function shareCopies(backendName: string): void {
  replaceKernel(
    'Identity',
    backendName,
    (stock) => (call) => (isText(call) ? stock(call) : shared(call)),
  );
  replaceKernel('Cast', backendName, (stock) => (call) => {
    const { x } = call.inputs as { x: tf.Tensor };
    if (x.dtype === call.attrs?.dtype && !isText(call)) return shared(call);
    if (call.attrs?.dtype === 'bool' && !isText(call))
      return tf.tidy(() => tf.notEqual(x, tf.scalar(0, x.dtype)));
    return stock(call);
  });
}

function isText({ inputs }: Parameters<tf.KernelFunc>[0]): boolean {
  return inputs.x?.dtype === 'string';
}

function shared({ inputs, backend }: Parameters<tf.KernelFunc>[0]): tf.TensorInfo {
  const { dataId, shape, dtype } = inputs.x as tf.TensorInfo;
  (backend as Counting).incRef(dataId);
  return { dataId, shape, dtype };
}
