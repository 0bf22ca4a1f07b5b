import { ensure, type Graph } from '@kd/core';
import { expectFiniteWeights } from '../graph/weights.ts';
import type { Calibration } from '../quantization/calibrate.ts';
import { chooseEnds, declareEnd } from './ends.ts';
import type { WeightForm } from './kernels.ts';
import { encodeOnnx, opsets } from './onnxFile.ts';
import { planQuantization, type ValueQuantization } from './quantizationPlan.ts';
import { writeGraph } from './writeGraph.ts';

export interface OnnxOptions {
  /**
   * How kernels are stored: as float32; or as float16 or int8, which are converted when the file is
   * loaded and run as fast. Kernels of fewer than 256 numbers and biases stay float32. Default
   * float32.
   */
  readonly weights?: WeightForm;
  /**
   * Ranges of the values on images of the training: products are computed with 8-bit integers, for
   * weights are int8 and values uint8 (static quantization as QuantizeLinear and
   * DequantizeLinear). Smaller; in ONNX Runtime on an x86 CPU with VNNI faster than float32 where
   * layers are wide, a little slower in a network as small as `studentCnn`.
   */
  readonly calibration?: Calibration;
  /**
   * Whether the int8 kernels of a calibrated file have 7 bits, so that CPUs without VNNI compute
   * the same: their sums of two products of 8 bits saturate. Default false.
   */
  readonly reduceRange?: boolean;
  /**
   * Axes of the input and of taps that are maps. Default nhwc, [batch, height, width, channels].
   */
  readonly inputLayout?: 'nhwc' | 'nchw';
  /** Default logits. */
  readonly output?: 'logits' | 'probabilities';
  /** Whether the values of the network's taps are outputs too, by their names. */
  readonly taps?: boolean;
  /** Stored as JSON under `classNames`. */
  readonly classNames?: readonly string[];
  /** Default 17, or 18 for a graph that resizes with antialias, which 17 has not. */
  readonly opset?: number;
  /** More texts to store: `preprocessing`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const caller = 'exportOnnx';

/**
 * Writes a network as one self-contained ONNX file. Its input and outputs are float32 with an open
 * batch; the output is named as `options.output` has it, `logits` or `probabilities`.
 * @throws RangeError on weights that are not finite, or too large for float16; on an opset that
 * lacks an operation; on names of another number of classes.
 */
export function exportOnnx(graph: Graph, options: OnnxOptions = {}): Uint8Array<ArrayBuffer> {
  const { output = 'logits', inputLayout = 'nhwc', classNames } = options;
  expectFiniteWeights(graph, caller);
  const opset = chooseOpset(graph, options.opset);
  expectClassNames(graph, classNames);
  const plan = choosePlan(graph, options);
  const ends = chooseEnds(graph, { layout: inputLayout, output }, options.taps ?? false, caller);
  const { nodes, tensors } = writeGraph(graph, { ...options, ends, plan }, caller);
  const shapes = new Map(graph.nodes.map(({ name, shape }) => [name, shape]));
  return encodeOnnx({
    name: graph.name,
    producer: '@kd/export',
    opset,
    nodes,
    tensors,
    inputs: [declareEnd(graph.input.name, graph.input.shape, ends)],
    outputs: [...ends.values].map(([name, value]) =>
      declareEnd(name, shapes.get(value) ?? graph.input.shape, ends),
    ),
    metadata: {
      output,
      ...(classNames !== undefined && { classNames: JSON.stringify(classNames) }),
      ...options.metadata,
    },
  });
}

function choosePlan(
  graph: Graph,
  { calibration, weights, reduceRange }: OnnxOptions,
): ReadonlyMap<string, ValueQuantization> {
  const isReduced = reduceRange === true && calibration === undefined;
  ensure(!isReduced, caller, 'a calibration for reduceRange', calibration, 'calibrate(graph, …)');
  if (calibration === undefined) return new Map();
  const isInteger = weights === undefined || weights === 'int8';
  ensure(isInteger, caller, 'int8 weights with a calibration', weights, 'leave one of them out');
  return planQuantization(graph, calibration, caller);
}

function chooseOpset({ nodes }: Graph, wanted: number | undefined): number {
  const smoothed = nodes.find((node) => node.kind === 'resize' && node.antialias);
  const needed = smoothed === undefined ? opsets.oldest : 18;
  const opset = wanted ?? Math.max(17, needed);
  const remedy = `leave it out, and it is ${Math.max(17, needed)}`;
  const reason = smoothed === undefined ? '' : ` for ${smoothed.name}, a resize with antialias`;
  ensure(opset >= needed, caller, `an opset from ${needed} on${reason}`, opset, remedy);
  ensure(opset <= opsets.newest, caller, `an opset up to ${opsets.newest}`, opset, remedy);
  ensure(Number.isInteger(opset), caller, 'a whole number for opset', opset, remedy);
  return opset;
}

function expectClassNames({ logits, nodes }: Graph, names: readonly string[] | undefined): void {
  const classes = nodes.find(({ name }) => name === logits)?.shape[0];
  const remedy = 'they are those of the data that the network was trained on';
  const matches = names === undefined || names.length === classes;
  ensure(matches, caller, `names of ${classes} classes`, names?.length, remedy);
}
