import * as tf from '@tensorflow/tfjs-core';

/** `wasm` multiplies transposed matrices by a plain loop, others by XNNPACK: transposes them first. Integers, which it refuses, go as float32: exact below 2²⁴. */
export function transposeBeforeMatMul(backendName: string): void {
  const stock = tf.getKernel('BatchMatMul', backendName);
  if (stock === undefined) return;
  tf.unregisterKernel('BatchMatMul', backendName);
  const kernelFunc: tf.KernelFunc = (call) => {
    const { transposeA, transposeB, ...rest } = call.attrs as { transposeA: boolean; transposeB: boolean };
    const { a, b } = call.inputs as Record<'a' | 'b', tf.Tensor>;
    if (a.dtype === 'int32' && b.dtype === 'int32') {
      return tf.tidy(() => tf.cast(tf.matMul(tf.cast(a, 'float32'), tf.cast(b, 'float32'), transposeA, transposeB), 'int32'));
    }
    if (!transposeA && !transposeB) return stock.kernelFunc(call);
    const turned = { a: transposeA ? turn(a) : a, b: transposeB ? turn(b) : b };
    const attrs = { ...rest, transposeA: false, transposeB: false } as unknown as tf.NamedAttrMap;
    const product = stock.kernelFunc({ ...call, inputs: turned, attrs });
    if (transposeA) turned.a.dispose();
    if (transposeB) turned.b.dispose();
    return product;
  };
  tf.registerKernel({ ...stock, kernelFunc });
}

function turn(matrices: tf.Tensor): tf.Tensor {
  const axes = matrices.shape.map((_, axis) => axis);
  return tf.transpose(matrices, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}
