import type { Graph, GraphNode } from '@kd/core';
import type { Calibration } from '../quantization/calibrate.ts';
import type { OnnxInput } from './context.ts';
import { directOutputs, type Ends, writeInput, writeOutput } from './ends.ts';
import { type StoreKernel, storeWeights, type WeightForm } from './kernels.ts';
import { isMaps, isOrderFree } from './layout.ts';
import { createOnnxWriter, type OnnxWriter } from './onnxWriter.ts';
import { writeOperation } from './operations.ts';
import type { ValueQuantization } from './quantizationPlan.ts';
import { storeQuantizedKernel, writeQuantized } from './quantizedKernels.ts';

export interface GraphWriting {
  readonly ends: Ends;
  /** How the kernels are stored that `plan` leaves alone. */
  readonly weights?: WeightForm;
  /** How values are stored between operations that have integers; empty without a calibration. */
  readonly plan: ReadonlyMap<string, ValueQuantization>;
  readonly calibration?: Calibration;
  readonly reduceRange?: boolean;
}

/** Writes the nodes of a graph between the input and the outputs of a file. */
export function writeGraph(
  graph: Graph,
  { ends, plan, weights = 'float32', calibration, reduceRange = false }: GraphWriting,
  caller: string,
): Pick<OnnxWriter, 'nodes' | 'tensors'> {
  const writer = createOnnxWriter([graph.input.name, ...ends.values.keys()]);
  const direct = directOutputs(graph, ends, plan);
  const outputs = new Set(ends.values.values());
  const values = new Map<string, OnnxInput>();
  const setValue = (name: string, value: OnnxInput): void => {
    const quantization = plan.get(name);
    if (quantization === undefined) values.set(name, value);
    else values.set(name, { ...value, name: writeQuantized(writer, value.name, quantization) });
  };
  const storeFloats = storeWeights(writer, calibration === undefined ? weights : 'float32', caller);
  const storeFor = (input: ValueQuantization | undefined, rank: number): StoreKernel => {
    if (calibration === undefined || input === undefined || rank === 2) return storeFloats;
    return (node, layout) =>
      storeQuantizedKernel(writer, node, layout, { calibration, reduceRange, input });
  };

  setValue(graph.input.name, writeInput(graph, ends, writer));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => values.get(input) as OnnxInput);
    const [{ shape }] = inputs as [OnnxInput];
    const keepsOrder = !outputs.has(node.name) && leavesOrder(graph, node, shape);
    const name = direct.get(node.name) ?? writer.unique(node.name);
    writeOperation(node, {
      writer,
      inputs,
      output: name,
      store: storeFor(plan.get(node.inputs[0] as string), shape.length),
      keepsOrder,
      isClamped: plan.has(node.name),
    });
    setValue(node.name, {
      name,
      shape: node.shape,
      ...(keepsOrder && isMaps(shape) && { flattened: shape }),
    });
  }
  for (const [name, value] of ends.values) {
    const written = values.get(value) as OnnxInput;
    if (written.name !== name) writeOutput(name, written, ends, writer);
  }
  return writer;
}

/**
 * Whether the channels of flattened maps may stay first in the file: where dense layers alone take
 * them, whose kernels are permuted instead.
 */
function leavesOrder({ nodes }: Graph, node: GraphNode, from: readonly number[]): boolean {
  if (node.kind !== 'reshape' || node.shape.length !== 1) return false;
  if (!isMaps(from) || isOrderFree(from)) return false;
  const takers = nodes.filter(({ inputs }) => inputs.includes(node.name));
  return takers.every(({ kind }) => kind === 'dense');
}
