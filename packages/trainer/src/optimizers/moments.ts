import { add, expm1, mul, neg, type Tensor, type Variable } from '@tensorflow/tfjs-core';

/** slot ← β slot + (1 − β) value. @returns What it is now. */
export function move(slot: Variable, beta: number, value: Tensor): Tensor {
  const moved = add(mul(slot, beta), mul(value, 1 - beta));
  slot.assign(moved);
  return moved;
}

/** 1 − βᵗ. As −expm1(t ln β): 1 − 0.999 in float32 is off by 3e-5 of itself. */
export function correction(beta: number, step: Tensor): Tensor {
  return neg(expm1(mul(step, beta === 0 ? -100 : Math.log(beta))));
}
