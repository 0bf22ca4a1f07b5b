import { ensure, type Graph } from '@kd/core';
import {
  clone,
  dispose,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import { runNode } from './runNode.ts';

/**
 * Computes a graph by the operations of TF.js: the reference that files are held against.
 * @param images [batch, height, width, channels], of the shape of the graph's input.
 * @returns Every value by name, without the input; the caller frees them.
 */
export function runGraph(graph: Graph, images: Tensor4D): Record<string, Tensor> {
  const values: Record<string, Tensor> = {};
  for (const [name, value] of graphValues(graph, images)) values[name] = clone(value);
  return values;
}

/** Computes the logits of a graph, [batch, classes]; the caller frees them. */
export function runGraphLogits(graph: Graph, images: Tensor4D): Tensor2D {
  let logits: Tensor | undefined;
  for (const [name, value] of graphValues(graph, images))
    if (name === graph.logits) logits = clone(value);
  return logits as Tensor2D;
}

/**
 * The values of a graph, one after the other, each with its name. A value is freed once the last
 * node that takes it has run: clone what is to stay.
 */
export function* graphValues(
  { input, nodes }: Graph,
  images: Tensor4D,
): Generator<readonly [name: string, value: Tensor]> {
  const [, ...shape] = images.shape;
  const isFit = shape.join() === input.shape.join();
  ensure(isFit, 'runGraph', `images [batch, ${input.shape.join(', ')}]`, images.shape);
  const lastUse = new Map(nodes.flatMap(({ inputs }, at) => inputs.map((value) => [value, at])));
  const values = new Map<string, Tensor>();
  try {
    for (const [at, node] of nodes.entries()) {
      const inputs = node.inputs.map((name) => (name === input.name ? images : values.get(name)));
      const value = tidy(() => runNode(node, inputs as Tensor[]));
      values.set(node.name, value);
      yield [node.name, value];
      for (const name of [...node.inputs, node.name]) {
        if ((lastUse.get(name) ?? at) > at) continue;
        values.get(name)?.dispose();
        values.delete(name);
      }
    }
  } finally {
    dispose([...values.values()]);
  }
}
