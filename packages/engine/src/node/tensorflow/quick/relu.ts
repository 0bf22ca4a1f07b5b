import * as tf from '@tensorflow/tfjs-core';
import { floatType, replaceGradient, replaceKernel, run } from './replace.ts';

/** TF.js composes relu's gradient as dy × step(x), five passes over the activations; TensorFlow's ReluGrad is one. */
export function quickenRelu(): void {
  replaceKernel(
    'KdReluGrad',
    () =>
      ({ inputs: { dy, x }, backend }) =>
        backend.executeSingleOutput('ReluGrad', [floatType], [dy, x] as tf.Tensor[]),
  );
  tf.registerGradient({
    kernelName: 'KdReluGrad',
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({ dy: () => run('KdReluGrad', { dy: dy as tf.Tensor, x: x as tf.Tensor }), x: () => tf.zerosLike(x as tf.Tensor) }),
  });
  replaceGradient('Relu', () => (dy, [x]) => ({ x: () => run('KdReluGrad', { dy: dy as tf.Tensor, x: x as tf.Tensor }) }));
}
