import * as tf from '@tensorflow/tfjs-core';
import {
  channelsLast,
  floatType,
  replaceGradient,
  replaceNodeKernel,
  runKernel,
} from './replaceKernel.ts';

/**
 * Registers BiasAdd for x [..., channels] + bias [channels], and BiasAddGrad for its gradient
 * instead of a general sum.
 */
export function registerBiasAdd(): void {
  replaceNodeKernel('Add', (stock) => (call) => {
    const { a, b } = call.inputs as Record<'a' | 'b', tf.Tensor>;
    return isBias(a, b)
      ? call.backend.executeSingleOutput('BiasAdd', [floatType, channelsLast], [a, b])
      : stock(call);
  });
  replaceNodeKernel('KdBiasAddGrad', () => ({ inputs, backend }) => {
    const { dy } = inputs as { dy: tf.Tensor };
    // As a matrix: on the maps themselves TensorFlow would join it to the filter's gradient, where
    // oneDNN sums on one thread (7 of 180 ms of a step).
    const rows = tf.reshape(dy, [-1, dy.shape[dy.rank - 1] as number]);
    const sums = backend.executeSingleOutput('BiasAddGrad', [floatType, channelsLast], [rows]);
    rows.dispose();
    return sums;
  });
  tf.registerGradient({
    kernelName: 'KdBiasAddGrad',
    inputsToSave: ['dy'],
    gradFunc: (dy, [input]) => ({
      dy: () => tf.add(tf.zerosLike(input as tf.Tensor), dy as tf.Tensor),
    }),
  });
  replaceGradient('Add', (stock) => (dy, saved, attrs) => {
    const [a, b] = saved as [tf.Tensor, tf.Tensor];
    if (!isBias(a, b)) return stock(dy, saved, attrs);
    return {
      a: () => tf.clone(dy as tf.Tensor),
      b: () => runKernel('KdBiasAddGrad', { dy: dy as tf.Tensor }),
    };
  });
}

function isBias(x: tf.TensorInfo, bias: tf.TensorInfo): boolean {
  const bothFloat = x.dtype === 'float32' && bias.dtype === 'float32';
  return (
    bothFloat && x.shape.length > 1 && bias.shape.length === 1 && x.shape.at(-1) === bias.shape[0]
  );
}

/**
 * Registers TensorFlow's ReluGrad, one pass, for ReLU's gradient: TF.js composes it as dy × step(x),
 * five passes over the activations. The output is saved for it instead of the input: both are
 * positive at the same positions, the next layer has saved the output already, and then nothing
 * needs the input of ReLU any more.
 */
export function registerReluGradient(): void {
  replaceNodeKernel(
    'KdReluGrad',
    () =>
      ({ inputs: { dy, x }, backend }) =>
        backend.executeSingleOutput('ReluGrad', [floatType], [dy, x] as tf.Tensor[]),
  );
  tf.registerGradient({
    kernelName: 'KdReluGrad',
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({
      dy: () => runKernel('KdReluGrad', { dy: dy as tf.Tensor, x: x as tf.Tensor }),
      x: () => tf.zerosLike(x as tf.Tensor),
    }),
  });
  const ours: tf.GradFunc = (dy, [y]) => ({
    x: () => runKernel('KdReluGrad', { dy: dy as tf.Tensor, x: y as tf.Tensor }),
  });
  replaceGradient('Relu', () => ours, { inputsToSave: [], outputsToSave: [true] });
}
