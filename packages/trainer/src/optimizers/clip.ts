import { ensure } from '@kd/core';
import {
  add,
  addN,
  div,
  minimum,
  mul,
  type Scalar,
  sqrt,
  square,
  sum,
  type Tensor,
  tidy,
} from '@tensorflow/tfjs-core';

/**
 * Scales all gradients by one factor so that their norm together is at most `maxNorm`, as
 * `torch.nn.utils.clip_grad_norm_`:
 * g ← g · min(1, maxNorm / (‖g‖ + 1e-6)), ‖g‖ over all of them.
 * @param maxNorm > 0.
 * @returns The scaled gradients and the norm before scaling; all belong to the caller.
 * Source: Pascanu et al. 2013.
 */
export function clipByGlobalNorm(
  gradients: Readonly<Record<string, Tensor>>,
  maxNorm: number,
): { gradients: Record<string, Tensor>; norm: Scalar } {
  ensure(
    maxNorm > 0 && Number.isFinite(maxNorm),
    'clipByGlobalNorm',
    'maxNorm > 0',
    maxNorm,
    '1 is usual',
  );
  ensure(Object.keys(gradients).length > 0, 'clipByGlobalNorm', 'at least one gradient', 'none');
  return tidy(() => {
    const norm = sqrt(
      addN(Object.values(gradients).map((gradient) => sum(square(gradient)))),
    ) as Scalar;
    const scale = minimum(1, div(maxNorm, add(norm, 1e-6)));
    return {
      gradients: Object.fromEntries(
        Object.entries(gradients).map(([name, gradient]) => [name, mul(gradient, scale)]),
      ),
      norm,
    };
  });
}
