import { ensure, type Graph, type GraphNode } from '@kd/core';
import type { Calibration } from '../quantization/calibrate.ts';
import { isMaps } from './layout.ts';

/** A value as uint8: scale · (integer − zeroPoint). */
export interface ValueQuantization {
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * Which values of the graph are stored as uint8, where ONNX Runtime's own static quantization has
 * them: the inputs and outputs of convolutions, dense layers of vectors, sums, products, mean
 * pooling and concatenations. Operations that only move values leave them as they are. The logits
 * stay float32.
 * @throws RangeError that names the first of them without a calibrated range.
 */
export function planQuantization(
  graph: Graph,
  { ranges }: Calibration,
  caller: string,
): ReadonlyMap<string, ValueQuantization> {
  const wanted = new Set(
    graph.nodes
      .filter((node) => isInteger(node, shapeOf(graph, node.inputs[0])))
      .flatMap((node) => [...node.inputs, node.name]),
  );
  wanted.delete(graph.logits);
  const plan = new Map<string, ValueQuantization>();
  const planFromRange = (value: string, node: GraphNode | undefined): void => {
    const range = ranges[value];
    const isRange = range !== undefined && Number.isFinite(range.max - range.min);
    const got = range === undefined ? undefined : `${range.min} to ${range.max}`;
    ensure(isRange, caller, `a calibrated range of ${value}`, got, 'calibrate this very graph');
    plan.set(value, quantizationOf(clampRange(range, node)));
  };
  if (wanted.has(graph.input.name)) planFromRange(graph.input.name, undefined);
  for (const node of graph.nodes) {
    if (node.name === graph.logits) continue;
    const moved = movesValues(node) ? plan.get(node.inputs[0] as string) : undefined;
    if (moved !== undefined) plan.set(node.name, moved);
    else if (wanted.has(node.name)) planFromRange(node.name, node);
  }
  return plan;
}

/** The scale and the zero point that 256 steps over a range have; zero is one of them. */
function quantizationOf({ min, max }: { min: number; max: number }): ValueQuantization {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const scale = Math.fround((high - low || 1) / 255);
  return { scale, zeroPoint: Math.min(255, Math.max(0, Math.round(-low / scale))) };
}

/**
 * The range that the activation of a node leaves: rounding to it is the activation, which need not
 * be computed.
 */
function clampRange(
  { min, max }: { readonly min: number; readonly max: number },
  node: GraphNode | undefined,
): { min: number; max: number } {
  const activation = node === undefined ? 'linear' : fusedActivation(node);
  if (activation === 'linear') return { min, max };
  return { min: 0, max: activation === 'relu6' ? Math.min(max, 6) : max };
}

function fusedActivation(node: GraphNode): 'linear' | 'relu' | 'relu6' {
  if ('activation' in node) return node.activation;
  const isClamp = node.kind === 'activation' && node.function.startsWith('relu');
  return isClamp ? (node.function as 'relu' | 'relu6') : 'linear';
}

/** Whether ONNX Runtime computes an operation with integers. */
function isInteger(node: GraphNode, inputShape: readonly number[]): boolean {
  switch (node.kind) {
    case 'convolution':
    case 'concat':
      return true;
    case 'dense':
      return inputShape.length === 1 || isMaps(inputShape);
    case 'arithmetic':
      return node.inputs.length === 2 && (node.function === 'add' || node.function === 'multiply');
    case 'pool':
    case 'globalPool':
      return node.function === 'average';
    default:
      return false;
  }
}

/** Whether an operation gives values of its input, unchanged, and zeros at most. */
function movesValues(node: GraphNode): boolean {
  switch (node.kind) {
    case 'sliceChannels':
    case 'shuffleChannels':
    case 'subsample':
    case 'crop':
    case 'reshape':
      return true;
    case 'pool':
    case 'globalPool':
      return node.function === 'max';
    case 'pad':
      return node.value === 0;
    case 'resize':
      return node.interpolation === 'nearest';
    default:
      return false;
  }
}

function shapeOf({ input, nodes }: Graph, value: string | undefined): readonly number[] {
  return nodes.find(({ name }) => name === value)?.shape ?? input.shape;
}
