import { ensure, type Graph } from '@kd/core';
import { dispose, type Tensor, type Tensor2D, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { runNode } from './runNode.ts';

/**
 * Computes a graph by the operations of TF.js: the reference that files are held against.
 * @param images [batch, height, width, channels], of the shape of the graph's input.
 * @returns Every value by name, without the input; the caller frees them.
 */
export function runGraph(graph: Graph, images: Tensor4D): Record<string, Tensor> {
  const values: Record<string, Tensor> = {};
  visitValues(graph, images, (name, value) => {
    values[name] = value;
    return 'keep';
  });
  return values;
}

/** Computes the logits of a graph, [batch, classes]; the caller frees them. */
export function runGraphLogits(graph: Graph, images: Tensor4D): Tensor2D {
  let logits: Tensor | undefined;
  visitValues(graph, images, (name, value) => {
    if (name !== graph.logits) return 'free';
    logits = value;
    return 'keep';
  });
  return logits as Tensor2D;
}

/**
 * Computes the values of a graph one after the other.
 * @param visit Takes each value. It returns whether the caller keeps it and frees it; otherwise it
 * is freed once the last node that takes it has run.
 */
export function visitValues(
  graph: Graph,
  images: Tensor4D,
  visit: (name: string, value: Tensor) => 'keep' | 'free',
): void {
  const { input, nodes } = graph;
  const given = images.shape.slice(1);
  ensure(
    given.join() === input.shape.join(),
    'runGraph',
    `images [batch, ${input.shape.join(', ')}]`,
    images.shape,
  );
  const lastUse = new Map(nodes.flatMap(({ inputs }, at) => inputs.map((value) => [value, at])));
  const values = new Map<string, Tensor>([[input.name, images]]);
  const freed = new Map<string, Tensor>();
  try {
    nodes.forEach((node, at) => {
      const inputs = node.inputs.map((value) => values.get(value) as Tensor);
      const value = tidy(() => runNode(node, inputs));
      values.set(node.name, value);
      if (visit(node.name, value) === 'free') freed.set(node.name, value);
      for (const name of [...node.inputs, node.name]) {
        if ((lastUse.get(name) ?? at) > at) continue;
        freed.get(name)?.dispose();
        freed.delete(name);
      }
    });
  } finally {
    dispose([...freed.values()]);
  }
}
