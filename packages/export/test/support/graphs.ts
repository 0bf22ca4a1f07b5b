import type { Graph, GraphNode, GraphNodeBase, GraphOperation, GraphTensor } from '@kd/core';

/** Values between −1 and 1 that a seed fixes. */
export function tensor(shape: readonly number[], seed: number): GraphTensor {
  const count = shape.reduce((product, side) => product * side, 1);
  const values = Float32Array.from({ length: count }, (_, at) => {
    const value = 43_758.5453 * Math.sin(12.9898 * (at + 1) + 78.233 * seed);
    return 2 * (value - Math.floor(value)) - 1;
  });
  return { shape, values };
}

/** A node with what its operation needs. */
export function node(
  name: string,
  inputs: readonly string[],
  shape: readonly number[],
  operation: GraphOperation,
): GraphNode {
  const base: GraphNodeBase = { name, inputs, shape };
  return { ...base, ...operation };
}

/** A convolution that keeps height and width, of stride 1. */
export function sameConvolution(
  kernelShape: readonly [number, number, number, number],
  seed: number,
): Extract<GraphOperation, { kind: 'convolution' }> {
  const [height, width, , to] = kernelShape;
  const pads = {
    top: (height - 1) >> 1,
    bottom: height >> 1,
    left: (width - 1) >> 1,
    right: width >> 1,
  };
  return {
    kind: 'convolution',
    kernel: tensor(kernelShape, seed),
    bias: tensor([to], seed + 0.5),
    strides: [1, 1],
    dilations: [1, 1],
    groups: 1,
    pads,
    activation: 'linear',
  };
}

/** A dense layer. */
export function denseOperation(
  from: number,
  to: number,
  seed: number,
): Extract<GraphOperation, { kind: 'dense' }> {
  return {
    kind: 'dense',
    kernel: tensor([from, to], seed),
    bias: tensor([to], seed + 0.5),
    activation: 'linear',
  };
}

/** A graph whose logits are those of its last node. */
export function graphOf(
  shape: readonly [number, number, number],
  nodes: readonly GraphNode[],
  features: Readonly<Record<string, string>> = {},
): Graph {
  const logits = (nodes.at(-1) as GraphNode).name;
  return { name: 'test', input: { name: 'images', shape }, nodes, logits, features };
}
