import type { Graph } from '@kd/core';
import { isPositive, type KerasLayer, kerasLayers } from './kerasLayers.ts';
import type { StoredTensor } from './manifest.ts';

/** What a layers model is written from. */
export interface LayersModel {
  /** `modelTopology` of `model.json`. */
  readonly topology: Readonly<Record<string, unknown>>;
  readonly tensors: readonly StoredTensor[];
}

/**
 * Describes a network by layers of Keras. @param outputs Names of values; the first is the logits
 * or, with `hasSoftmax`, their probabilities.
 * @returns What there is no layer for, by its name, where there is something.
 */
export function layersModel(
  graph: Graph,
  outputs: readonly string[],
  hasSoftmax: boolean,
): LayersModel | string {
  const { name: input, shape } = graph.input;
  const layers: unknown[] = [inputLayer(input, shape)];
  const tensors: StoredTensor[] = [];
  const shapes = new Map([[input, shape as readonly number[]]]);
  const positive = new Set<string>();
  /** Names of the layers that give the values. */
  const values = new Map([[input, input]]);
  const names = new Set([input]);
  const add = (path: string, { className, config, weights = {} }: KerasLayer, from: string[]) => {
    let name = path;
    for (let number = 1; names.has(name); number++) name = `${path}_${number}`;
    names.add(name);
    const inbound = [from.map((value) => [value, 0, 0, {}])];
    layers.push({
      class_name: className,
      name,
      config: { name, trainable: true, ...config },
      inbound_nodes: inbound,
    });
    for (const [weight, tensor] of Object.entries(weights))
      tensors.push({ name: `${name}/${weight}`, ...tensor });
    return name;
  };
  for (const node of graph.nodes) {
    const [first] = node.inputs as readonly [string];
    const given = shapes.get(first) as readonly number[];
    const steps = kerasLayers(node, { given, isPositive: positive.has(first) });
    if (typeof steps === 'string') return `${steps} (${node.name})`;
    let from = node.inputs.map((value) => values.get(value) as string);
    for (const step of steps) from = [add(`${node.name}${step.suffix}`, step, from)];
    values.set(node.name, from[0] as string);
    shapes.set(node.name, node.shape);
    if (isPositive(node)) positive.add(node.name);
  }
  const results = outputs.map((value) => values.get(value) as string);
  if (hasSoftmax) {
    const softmax = { className: 'Activation', suffix: '', config: { activation: 'softmax' } };
    results[0] = add('probabilities', softmax, [results[0] as string]);
  }
  // tfjs-layers computes a value once, and fails where it is listed twice.
  const identity = { className: 'Activation', suffix: '', config: { activation: 'linear' } };
  results.forEach((name, at) => {
    if (results.indexOf(name) < at) results[at] = add(`${name}_again`, identity, [name]);
  });
  const config = {
    name: 'model',
    layers,
    input_layers: [[input, 0, 0]],
    output_layers: results.map((name) => [name, 0, 0]),
  };
  return {
    topology: { keras_version: '2.15.0', model_config: { class_name: 'Functional', config } },
    tensors,
  };
}

function inputLayer(name: string, shape: readonly number[]) {
  const config = { name, batch_input_shape: [null, ...shape], dtype: 'float32', sparse: false };
  return { class_name: 'InputLayer', name, config, inbound_nodes: [] };
}
