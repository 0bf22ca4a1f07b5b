import { ensure, expectedError, type Graph } from '@kd/core';
import { expectFiniteWeights } from '../graph/weights.ts';
import { graphModel } from './graphModel.ts';
import { layersModel } from './layersModel.ts';
import { type StoredTensor, storeWeights, type TfjsWeights } from './manifest.ts';

export interface TfjsOptions {
  /**
   * A graph model is for `loadGraphModel` of tfjs-converter, and every network can be one. A layers
   * model is for `loadLayersModel` of tfjs-layers, which trains it further; `auto` writes one where
   * every operation has a layer. Default graph.
   */
  readonly format?: 'graph' | 'layers' | 'auto';
  /**
   * How kernels are stored: `float16` and `uint16` take half the bytes, `uint8` a quarter; all are
   * float32 once they are loaded. Tensors of fewer than 256 numbers stay float32. Default float32.
   */
  readonly weights?: TfjsWeights;
  /** Default logits. */
  readonly output?: 'logits' | 'probabilities';
  /**
   * Whether the values of the network's taps are outputs too: by their names in a graph model, in
   * their order after the first output in a layers model.
   */
  readonly taps?: boolean;
  /** Stored in `userDefinedMetadata`. */
  readonly classNames?: readonly string[];
  /** More to store there: `preprocessing`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const caller = 'exportTfjs';

/**
 * Writes a network as a model of TF.js: `model.json` and files of weights of at most 4 MiB, by
 * path. Its input is float32 [batch, height, width, channels]; the output of a graph model is called
 * `logits` or `probabilities`.
 * @throws RangeError on weights that are not finite, or too large for float16; on names of another
 * number of classes; on a layers model of what no layer of tfjs-layers computes, by its name.
 */
export function exportTfjs(
  graph: Graph,
  options: TfjsOptions = {},
): Readonly<Record<string, Uint8Array<ArrayBuffer>>> {
  const { weights = 'float32', classNames, metadata } = options;
  expectFiniteWeights(graph, caller);
  const classes = graph.nodes.find(({ name }) => name === graph.logits)?.shape[0] as number;
  const hasNames = classNames === undefined || classNames.length === classes;
  ensure(hasNames, caller, `names of ${classes} classes`, classNames?.length);
  const { tensors, ...parts } = modelParts(graph, options);
  const stored = storeWeights(tensors, weights, caller);
  const model = {
    ...parts,
    generatedBy: '@kd/export',
    convertedBy: '@kd/export',
    userDefinedMetadata: { ...metadata, ...(classNames !== undefined && { classNames }) },
    weightsManifest: stored.manifest,
  };
  return {
    'model.json': new TextEncoder().encode(JSON.stringify(model)),
    ...stored.files,
  };
}

interface ModelParts {
  readonly format: 'graph-model' | 'layers-model';
  readonly modelTopology: unknown;
  readonly signature?: unknown;
  readonly tensors: readonly StoredTensor[];
}

function modelParts(
  graph: Graph,
  { format = 'graph', output = 'logits', taps = false }: TfjsOptions,
): ModelParts {
  const outputs = { [output]: graph.logits, ...(taps && graph.features) };
  const hasSoftmax = output === 'probabilities';
  if (format !== 'graph') {
    const layers = layersModel(graph, Object.values(outputs), hasSoftmax);
    if (typeof layers !== 'string') {
      const { topology, tensors } = layers;
      return { format: 'layers-model', modelTopology: topology, tensors };
    }
    if (format === 'layers')
      throw expectedError(
        caller,
        'operations that layers of TF.js compute',
        layers,
        "format: 'graph' has them all, as have ONNX and LiteRT",
      );
  }
  const { topology, signature, tensors } = graphModel(graph, outputs, hasSoftmax);
  return { format: 'graph-model', modelTopology: topology, signature, tensors };
}
