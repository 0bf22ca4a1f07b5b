import { ensure, type Graph } from '@kd/core';
import { expectFiniteWeights } from '../graph/expectFiniteWeights.ts';
import { storeWeights, type TfjsWeights } from './manifest.ts';
import { createNodeWriter } from './nodes.ts';
import { writeOperation } from './operations.ts';

export interface TfjsOptions {
  /**
   * How kernels are stored: `float16` and `uint16` take half the bytes, `uint8` a quarter; all are
   * float32 once they are loaded. Tensors of fewer than 256 numbers stay float32. Default float32.
   */
  readonly weights?: TfjsWeights;
  /** Default logits. */
  readonly output?: 'logits' | 'probabilities';
  /** Whether the values of the network's taps are outputs too, by their names. */
  readonly taps?: boolean;
  /** Stored in `userDefinedMetadata`. */
  readonly classNames?: readonly string[];
  /** More to store there: `preprocessing`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const caller = 'exportTfjs';

/**
 * Writes a network as a graph model of TF.js, for `loadGraphModel` of tfjs-converter: `model.json`
 * and files of weights of at most 4 MiB, by path. Its input is float32 [batch, height, width,
 * channels], its output is called `logits` or `probabilities`.
 *
 * A graph model, whatever the network: every network can be one, it has bias and activation in the
 * kernel of the convolution, and it needs tfjs-converter alone.
 * @throws RangeError on weights that are not finite, or too large for float16, and on names of
 * another number of classes.
 */
export function exportTfjs(
  graph: Graph,
  { weights = 'float32', output = 'logits', taps = false, classNames, metadata }: TfjsOptions = {},
): Readonly<Record<string, Uint8Array<ArrayBuffer>>> {
  expectFiniteWeights(graph, caller);
  const shapes = new Map([
    [graph.input.name, graph.input.shape as readonly number[]],
    ...graph.nodes.map(({ name, shape }) => [name, shape] as const),
  ]);
  const classes = shapes.get(graph.logits)?.[0] as number;
  const hasNames = classNames === undefined || classNames.length === classes;
  ensure(hasNames, caller, `names of ${classes} classes`, classNames?.length);
  const writer = createNodeWriter();
  const placeholder = {
    dtype: { type: 'DT_FLOAT' },
    shape: { shape: openShape(graph.input.shape) },
  };
  const values = new Map([[graph.input.name, graph.input.name]]);
  for (const node of graph.nodes)
    values.set(
      node.name,
      writeOperation(node, {
        writer,
        inputs: node.inputs.map((input) => values.get(input) as string),
        shapes: node.inputs.map((input) => shapes.get(input) as readonly number[]),
      }),
    );
  const logits = values.get(graph.logits) as string;
  const answer = output === 'logits' ? logits : writer.add('Softmax', 'probabilities', [logits]);
  const outputs = { [output]: [answer, graph.logits] as const, ...tapped() };
  const stored = storeWeights(writer.tensors, weights, caller);
  const model = {
    format: 'graph-model',
    generatedBy: '@kd/export',
    convertedBy: '@kd/export',
    signature: {
      inputs: { [graph.input.name]: tensorInfo(graph.input.name, graph.input.shape) },
      outputs: Object.fromEntries(
        Object.entries(outputs).map(([name, [node, value]]) => [
          name,
          tensorInfo(node, shapes.get(value) as readonly number[]),
        ]),
      ),
    },
    userDefinedMetadata: { ...metadata, ...(classNames !== undefined && { classNames }) },
    modelTopology: {
      node: [{ name: graph.input.name, op: 'Placeholder', attr: placeholder }, ...writer.nodes],
      library: {},
      versions: { producer: 1882 },
    },
    weightsManifest: stored.manifest,
  };
  return {
    'model.json': new TextEncoder().encode(JSON.stringify(model)),
    ...stored.files,
  };

  function tapped(): Readonly<Record<string, readonly [node: string, value: string]>> {
    if (!taps) return {};
    const entries = Object.entries(graph.features).map(
      ([name, value]) => [name, [values.get(value) as string, value]] as const,
    );
    return Object.fromEntries(entries);
  }
}

function tensorInfo(node: string, shape: readonly number[]) {
  return { name: `${node}:0`, dtype: 'DT_FLOAT', tensorShape: openShape(shape) };
}

/** The shape with an open batch, as protobuf's JSON has it. */
function openShape(shape: readonly number[]) {
  return { dim: [-1, ...shape].map((side) => ({ size: String(side) })) };
}
