import { version_wasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

/** TensorFlow.js's own wasm backend as it is in Node, with nothing of ours. */
export async function startUpstreamWasm() {
  await tf.setBackend('wasm');
  return { name: 'upstream wasm', version: version_wasm, device: 'CPU', threads: 1 };
}
