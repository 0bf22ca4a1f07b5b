import { ensure, type GraphOperation, type GraphTensor } from '@kd/core';
import type { layers } from '@tensorflow/tfjs-layers';
import { graphTensor } from '../../layers/layer.ts';
import type { GraphWriter } from '../writing/graphWriter.ts';
import { writeActivation } from '../writing/pieces.ts';

export type KerasLayer = InstanceType<typeof layers.Layer>;

/** A layer of TF.js that is written: one of its calls, if it is called several times. */
export interface LayerCall {
  readonly graph: GraphWriter;
  readonly layer: KerasLayer;
  /** As TF.js serializes it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Names of values. */
  readonly inputs: readonly [string, ...string[]];
  /** Whether nothing but this layer takes a value, so that it can become part of its operation. */
  isFusable(value: string): boolean;
}

/** Writes a layer. @returns The name of its value. */
export type WriteLayer = (call: LayerCall) => string;

/** A weight by the end of its name: `kernel`. */
export function weightOf(layer: KerasLayer, name: string): GraphTensor | undefined {
  const weight = layer.weights.find(({ originalName }) => originalName.endsWith(`/${name}`));
  return weight && graphTensor(weight.read());
}

/** The activation of Keras as an operation; undefined: none. */
export function activationOf(layer: KerasLayer, activation: unknown): GraphOperation | undefined {
  switch (activation) {
    case undefined:
    case null:
    case 'linear':
      return undefined;
    case 'elu':
      return { kind: 'activation', function: 'elu', alpha: 1 };
    case 'relu':
    case 'relu6':
    case 'selu':
    case 'sigmoid':
    case 'hardSigmoid':
    case 'tanh':
    case 'softplus':
    case 'softsign':
    case 'swish':
    case 'gelu':
    case 'softmax':
      return { kind: 'activation', function: activation };
    default:
      ensure(
        false,
        'networkGraph',
        `an activation of ${layer.name} among ${activations.join(', ')}`,
        activation,
      );
  }
}

const activations = [
  'linear',
  'relu',
  'relu6',
  'elu',
  'selu',
  'sigmoid',
  'hardSigmoid',
  'tanh',
  'softplus',
  'softsign',
  'swish',
  'gelu',
  'softmax',
];

/**
 * Writes the activation that is an option of a layer, as part of it where that can be, else under
 * the layer's name and its own: `conv.swish`.
 */
export function writeOwnActivation({ graph, layer, config }: LayerCall, value: string): string {
  const operation = activationOf(layer, config.activation);
  if (operation?.kind !== 'activation') return value;
  return writeActivation(graph, `${layer.name}.${operation.function}`, value, operation, true);
}

/** An option of two numbers, or of one for both. */
export function pairOf(option: unknown): readonly [number, number] {
  const [first = 1, second = first] = [option].flat() as number[];
  return [first, second];
}

/** @throws RangeError unless the channels are the last axis. */
export function expectChannelsLast({ layer, config }: LayerCall): void {
  const { dataFormat = 'channelsLast' } = config;
  const isLast = dataFormat === null || dataFormat === 'channelsLast';
  ensure(isLast, 'networkGraph', `channels as the last axis of ${layer.name}`, dataFormat);
}

/**
 * @param axis Of [batch, height, width, channels] or [batch, channels].
 * @throws RangeError unless it is that of the channels.
 */
export function expectChannelAxis({ graph, layer, inputs }: LayerCall, axis: unknown): void {
  const rank = graph.shapeOf(inputs[0]).length;
  const isLast = axis === -1 || axis === rank;
  ensure(isLast, 'networkGraph', `the channels as the axis of ${layer.name}`, axis);
}
