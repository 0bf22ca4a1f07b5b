import {
  type Backbone,
  ensure,
  expectedError,
  type Graph,
  type GraphNode,
  type Network,
} from '@kd/core';
import type { NetworkInput, WithGraphSource } from '../layers/graphSource.ts';
import { expectModelInput, writeLayersModel } from './keras/layersModelGraph.ts';
import { writeLayers } from './layersGraph.ts';
import { type ImageShape, preparedShape, writePreparation } from './preparation.ts';
import { createGraphWriter, type GraphWriter, type WrittenLayers } from './writing/graphWriter.ts';

export interface NetworkGraphOptions {
  /** [height, width, channels] of the images that the network is given. */
  readonly imageShape: readonly [number, number, number];
  /**
   * Where images are resized and normalized: `inside`, so that the graph takes what the network
   * takes, 0–1; or `outside`, so that it takes prepared images. Default inside.
   */
  readonly preparation?: 'inside' | 'outside';
  /** Whether the network's taps are features of the graph. Default true. */
  readonly taps?: boolean;
}

/**
 * Describes what a network computes at inference as operations with their weights by value, which
 * files of other runtimes are written from (`exportOnnx` and others of @kd/export).
 *
 * Batch norm becomes part of the convolution before it, activations part of the operation before
 * them; nothing is fused across a tap, except if `taps` is false. Values have the names of the
 * layers; one that has become part of another has no name.
 * @param network A network of this package, one that `fuseBatchNorm`, `splitBackbone` or
 * `simKdStudent` made of it included; of a backbone the last value stands for the logits.
 * @throws RangeError on a network whose layers are not known, on a layer whose operations are not
 * known, on images that do not fit, and on weights that are NaN or infinite.
 */
export function networkGraph(
  network: Network | Backbone,
  { imageShape, preparation = 'inside', taps = true }: NetworkGraphOptions,
): Graph {
  ensure(
    imageShape.length === 3 && imageShape.every((side) => Number.isInteger(side) && side >= 1),
    'networkGraph',
    'imageShape [height, width, channels]',
    imageShape,
  );
  expectFiniteWeights(network);
  const input = 'images';
  const isInside = preparation === 'inside';
  const shape = isInside ? imageShape : shapeOutside(network, imageShape);
  const graph = createGraphWriter(input, shape);
  const { output, features } = writeNetwork(graph, network, input, { isInside, taps });
  const nodes = usedNodes(graph.nodes, [output, ...Object.values(features)]);
  expectFiniteNodes(nodes);
  return {
    name: network.name ?? 'network',
    input: { name: input, shape },
    nodes,
    logits: output,
    features,
  };
}

interface WritingOptions {
  /** Whether the preparation is written. */
  readonly isInside: boolean;
  readonly taps: boolean;
}

function writeNetwork(
  graph: GraphWriter,
  network: Network | Backbone,
  input: string,
  { isInside, taps }: WritingOptions,
): WrittenLayers {
  const source = sourceOf(network);
  switch (source.kind) {
    case 'layers': {
      const prepared = writeInput(graph, source.input, input, isInside);
      const tapNames = new Set(taps ? source.taps : []);
      return writeLayers(graph, source.layers, prepared, tapNames, source.folded);
    }
    case 'continuation': {
      const first = writeNetwork(graph, source.network, input, { isInside, taps: true });
      const start = first.features[source.tap] as string;
      const tapNames = new Set(taps ? source.taps : []);
      const rest = writeLayers(graph, source.layers, start, tapNames);
      return {
        output: rest.output,
        features: taps ? { ...first.features, ...rest.features } : {},
      };
    }
    case 'layersModel': {
      const { model, prepare } = source;
      const prepared = isInside ? writePreparation(graph, prepare, input) : input;
      expectModelInput(model, graph.shapeOf(prepared));
      return writeLayersModel(graph, model, prepared, taps ? source.taps : []);
    }
    default:
      return source satisfies never;
  }
}

function writeInput(
  graph: GraphWriter,
  takes: NetworkInput,
  input: string,
  isInside: boolean,
): string {
  switch (takes) {
    case 'maps':
      return input;
    case 'vectors': {
      const shape = graph.shapeOf(input);
      ensure(
        shape[0] === 1 && shape[1] === 1,
        'networkGraph',
        'vectors as maps of 1 × 1',
        shape,
        'imageShape is [1, 1, channels]',
      );
      return graph.add(`${input}.vectors`, [input], { kind: 'reshape' }, shape.slice(2));
    }
    default: {
      const channels = takes.normalize?.mean.length;
      const given = graph.shapeOf(input)[2];
      const fits = channels === undefined || channels === given;
      ensure(fits, 'networkGraph', `images of ${channels} channels`, given);
      return isInside ? writePreparation(graph, takes, input) : input;
    }
  }
}

function shapeOutside(network: Network | Backbone, imageShape: ImageShape): ImageShape {
  const source = sourceOf(network);
  switch (source.kind) {
    case 'continuation':
      return shapeOutside(source.network, imageShape);
    case 'layersModel':
      return preparedShape(source.prepare, imageShape);
    default:
      return typeof source.input === 'string'
        ? imageShape
        : preparedShape(source.input, imageShape);
  }
}

function sourceOf(network: Network | Backbone): WithGraphSource['graphSource'] {
  if (!('graphSource' in network))
    throw expectedError(
      'networkGraph',
      'a network of createNetwork or fromLayersModel, whose layers are known',
      network.name ?? 'another',
    );
  return (network as WithGraphSource).graphSource;
}

/** The nodes that these values are computed from. */
function usedNodes(nodes: readonly GraphNode[], values: readonly string[]): GraphNode[] {
  const used = new Set(values);
  for (let at = nodes.length - 1; at >= 0; at--) {
    const { name, inputs } = nodes[at] as GraphNode;
    if (used.has(name)) for (const value of inputs) used.add(value);
  }
  return nodes.filter(({ name }) => used.has(name));
}

const diverged = 'its training has diverged: take an earlier checkpoint';

function expectFiniteWeights({ weights }: Network | Backbone): void {
  for (const [name, weight] of Object.entries(weights)) {
    const wrong = weight.dataSync<'float32'>().find((value) => !Number.isFinite(value));
    ensure(wrong === undefined, 'networkGraph', `finite values in ${name}`, wrong, diverged);
  }
}

/** Finite weights can give others: a batch norm with a negative variance, or beyond float32. */
function expectFiniteNodes(nodes: readonly GraphNode[]): void {
  for (const node of nodes) {
    const weights = [
      ...('kernel' in node ? [node.kernel, node.bias] : []),
      ...('scale' in node ? [node.scale, node.offset] : []),
    ];
    for (const { values } of weights) {
      const wrong = values.find((value) => !Number.isFinite(value));
      ensure(
        wrong === undefined,
        'networkGraph',
        `finite weights of ${node.name} with its batch norm`,
        wrong,
        diverged,
      );
    }
  }
}
