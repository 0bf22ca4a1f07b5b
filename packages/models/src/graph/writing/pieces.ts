import type { ActivationNode } from '@kd/core';
import { type Affine, affineOperation } from './foldAffine.ts';
import type { GraphWriter } from './graphWriter.ts';

/**
 * Writes an activation: as part of the node before it, where that can have one.
 * @param isFusable Whether nothing else takes the value.
 */
export function writeActivation(
  graph: GraphWriter,
  name: string,
  value: string,
  operation: ActivationNode,
  isFusable: boolean,
): string {
  const { function: activation } = operation;
  const isRectifier = activation === 'relu' || activation === 'relu6';
  if (isFusable && isRectifier && graph.activate(value, activation)) return value;
  return graph.add(name, [value], operation);
}

/**
 * Writes a product and an offset by channel: as part of the convolution or dense layer before it,
 * where that has no activation.
 * @param isFusable Whether nothing else takes the value.
 */
export function writeAffine(
  graph: GraphWriter,
  name: string,
  value: string,
  affine: Affine,
  isFusable: boolean,
): string {
  if (isFusable && graph.scale(value, affine)) return value;
  return graph.add(name, [value], affineOperation(affine));
}
