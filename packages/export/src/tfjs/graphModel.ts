import type { Graph } from '@kd/core';
import type { StoredTensor } from './manifest.ts';
import { createNodeWriter } from './nodes.ts';
import { writeOperation } from './operations.ts';

/** What a graph model is written from. */
export interface GraphModelParts {
  /** `modelTopology` of `model.json`. */
  readonly topology: Readonly<Record<string, unknown>>;
  readonly signature: Readonly<Record<string, unknown>>;
  readonly tensors: readonly StoredTensor[];
}

/**
 * Describes a network by operations of TensorFlow. @param outputs Names of values by names of
 * outputs; the first is the logits or, with `hasSoftmax`, their probabilities.
 */
export function graphModel(
  { input, nodes }: Graph,
  outputs: Readonly<Record<string, string>>,
  hasSoftmax: boolean,
): GraphModelParts {
  const shapes = new Map([
    [input.name, input.shape as readonly number[]],
    ...nodes.map(({ name, shape }) => [name, shape] as const),
  ]);
  const writer = createNodeWriter();
  const placeholder = { dtype: { type: 'DT_FLOAT' }, shape: { shape: openShape(input.shape) } };
  const values = new Map([[input.name, input.name]]);
  for (const node of nodes)
    values.set(
      node.name,
      writeOperation(node, {
        writer,
        inputs: node.inputs.map((value) => values.get(value) as string),
        shapes: node.inputs.map((value) => shapes.get(value) as readonly number[]),
      }),
    );
  const results = Object.entries(outputs).map(([name, value], at) => {
    const result = values.get(value) as string;
    const node = at === 0 && hasSoftmax ? writer.add('Softmax', name, [result]) : result;
    return [name, tensorInfo(node, shapes.get(value) as readonly number[])] as const;
  });
  return {
    topology: {
      node: [{ name: input.name, op: 'Placeholder', attr: placeholder }, ...writer.nodes],
      library: {},
      versions: { producer: 1882 },
    },
    signature: {
      inputs: { [input.name]: tensorInfo(input.name, input.shape) },
      outputs: Object.fromEntries(results),
    },
    tensors: writer.tensors,
  };
}

function tensorInfo(node: string, shape: readonly number[]) {
  return { name: `${node}:0`, dtype: 'DT_FLOAT', tensorShape: openShape(shape) };
}

/** The shape with an open batch, as protobuf's JSON has it. */
function openShape(shape: readonly number[]) {
  return { dim: [-1, ...shape].map((side) => ({ size: String(side) })) };
}
