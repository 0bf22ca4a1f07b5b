import type { Binding } from './binding.ts';
import type { NodeBackend, NodeKernels } from './kernels.ts';

/** Makes the backend that TensorFlow.js computes on: upstream's, with what it lacks. */
export function makeBackend({ NodeJSKernelBackend }: NodeKernels, binding: Binding): NodeBackend {
  class TensorflowBackend extends NodeJSKernelBackend {}
  return new TensorflowBackend(binding, '@kd/engine');
}
