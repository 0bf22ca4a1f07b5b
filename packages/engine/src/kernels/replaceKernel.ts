import * as tf from '@tensorflow/tfjs-core';

/**
 * Replaces a kernel of a backend, or registers it if there is none. @param make Gets the kernel that
 * was there, for the cases that the new one leaves to it.
 */
export function replaceKernel(
  kernelName: string,
  backendName: string,
  make: (stock: tf.KernelFunc) => tf.KernelFunc,
): void {
  const stock = tf.getKernel(kernelName, backendName);
  if (stock !== undefined) tf.unregisterKernel(kernelName, backendName);
  const kernelFunc = make(stock?.kernelFunc as tf.KernelFunc);
  tf.registerKernel({ ...stock, kernelName, backendName, kernelFunc });
}
