import { engine } from '@tensorflow/tfjs-core';

/**
 * Runs something so that a gradient under way knows nothing of it: no activation is kept for a
 * backward pass, and none comes here.
 *
 * Not by `customGrad`: its function counts as part of a gradient, and there the kernels that join a
 * convolution with its ReLU are taken apart.
 */
export function noGrad<Result>(run: () => Result): Result {
  const { state } = engine();
  const depth = state.gradientDepth;
  state.gradientDepth = 0;
  try {
    return run();
  } finally {
    state.gradientDepth = depth;
  }
}
