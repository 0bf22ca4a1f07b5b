import { ensure, type Graph } from '@kd/core';
import { expectFiniteWeights } from '../graph/weights.ts';
import type { Calibration } from '../quantization/calibrate.ts';
import { type Context, quantizationOf } from './context.ts';
import type { LiteRtWeights } from './kernels.ts';
import { encodeLiteRt, type TensorQuantization } from './litertFile.ts';
import { asFloat, asInteger, createLiteRtWriter, type Value } from './litertWriter.ts';
import { writeOperation } from './operations.ts';
import { options as optionsOf } from './schema.ts';

export interface LiteRtOptions {
  /**
   * How kernels are stored: as float32; as float16, which are converted when the file is loaded; or
   * as int8, beside values that are quantized while they are multiplied (dynamic range). Kernels of
   * fewer than 1,024 numbers stay float32 beside int8, of fewer than 256 beside float16. Default
   * float32.
   */
  readonly weights?: LiteRtWeights;
  /**
   * Ranges of the values on images of the training: weights and values are int8 (full integer
   * quantization), but for functions that integers do not have: those of an activation other than
   * ReLU, and resizing.
   */
  readonly calibration?: Calibration;
  /**
   * The input and the output of a calibrated file: float32, or uint8, for which the input is pixels,
   * 0–255. Default float32.
   */
  readonly ends?: 'float32' | 'uint8';
  /** Default logits. */
  readonly output?: 'logits' | 'probabilities';
  /** Stored as a text, one name a line, under `classNames`. */
  readonly classNames?: readonly string[];
  /** More texts to store. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const caller = 'exportLiteRt';

/**
 * Writes a network as a LiteRT file (.tflite), for images one at a time: [1, height, width,
 * channels]. Its signature `serving_default` names the input as the graph does and the output
 * `logits` or `probabilities`.
 * @throws RangeError on weights that are not finite, or too large for float16; on a calibration of
 * another graph; on uint8 ends without one; on names of another number of classes.
 */
export function exportLiteRt(graph: Graph, options: LiteRtOptions = {}): Uint8Array<ArrayBuffer> {
  const { weights = 'float32', calibration, ends = 'float32', output = 'logits' } = options;
  expectFiniteWeights(graph, caller);
  expectFitting(graph, options);
  const writer = createLiteRtWriter();
  const values = new Map<string, Value>();
  const context: Context = { graph, writer, weights, calibration, values };
  const { name, shape } = graph.input;
  const pixels = { scales: [1 / 255], zeroPoint: -128 };
  const range = calibration?.ranges[name];
  const isUnit = range !== undefined && range.min >= 0 && range.max <= 1;
  const quantization = range && (isUnit ? pixels : quantizationOf(range));
  const input = writer.tensor({
    name,
    shape: [1, ...shape],
    ...(ends === 'uint8' && quantization !== undefined
      ? { type: 'uint8' as const, quantization: shifted(quantization) }
      : { type: 'float32' as const }),
  });
  const given: Value = { shape, quantization };
  if (ends === 'uint8' && quantization !== undefined)
    given.integer = writer.integers({
      operator: 'QUANTIZE',
      name: `${name}/int8`,
      inputs: [input],
      shape: [1, ...shape],
      options: optionsOf.quantize(),
      quantization,
    });
  else given.float = input;
  values.set(name, given);
  for (const node of graph.nodes) writeOperation(context, node);
  const answer = writeAnswer(context, output, ends);
  const { classNames, metadata } = options;
  return encodeLiteRt({
    description: graph.name,
    tensors: writer.tensors,
    operations: writer.operations,
    inputs: { [name]: input },
    outputs: { [output]: answer },
    metadata: {
      ...(classNames !== undefined && { classNames: classNames.join('\n') }),
      ...metadata,
    },
  });
}

function expectFitting(graph: Graph, options: LiteRtOptions): void {
  const { weights, calibration, ends, classNames } = options;
  const hasIntegers = calibration === undefined || weights === undefined || weights === 'int8';
  ensure(hasIntegers, caller, 'int8 weights with a calibration', weights, 'leave one of them out');
  const hasEnds = ends !== 'uint8' || calibration !== undefined;
  ensure(hasEnds, caller, 'a calibration for uint8 ends', 'none', 'calibrate(graph, images)');
  if (calibration !== undefined) {
    const names = [graph.input.name, ...graph.nodes.map((node) => node.name)];
    const missing = names.find((name) => calibration.ranges[name] === undefined);
    const remedy = 'calibrate this very graph';
    ensure(missing === undefined, caller, `a range of ${missing}`, 'none', remedy);
    const { min, max } = calibration.ranges[graph.input.name] as { min: number; max: number };
    const isUnit = ends !== 'uint8' || (min >= 0 && max <= 1);
    const prepared = 'prepared outside of the file they are no pixels';
    ensure(isUnit, caller, 'images 0–1 for uint8 ends', `${min} to ${max}`, prepared);
  }
  const classes = graph.nodes.find(({ name }) => name === graph.logits)?.shape[0];
  const hasNames = classNames === undefined || classNames.length === classes;
  ensure(hasNames, caller, `names of ${classes} classes`, classNames?.length);
}

/** Writes the output. @returns The number of its tensor. */
function writeAnswer(
  { graph, writer, values }: Context,
  output: 'logits' | 'probabilities',
  ends: 'float32' | 'uint8',
): number {
  const logits = values.get(graph.logits) as Value;
  const shape = [1, ...logits.shape];
  if (output === 'probabilities') {
    const float = writer.floats({
      operator: 'SOFTMAX',
      name: output,
      inputs: [asFloat(writer, graph.logits, logits)],
      shape,
      options: optionsOf.softmax(),
    });
    if (ends === 'float32') return float;
    const quantization = { scales: [1 / 256], zeroPoint: -128 };
    const probabilities: Value = { shape: logits.shape, quantization, float };
    return toPixels(asInteger(writer, output, probabilities), quantization);
  }
  if (ends === 'float32') return asFloat(writer, graph.logits, logits);
  const integer = asInteger(writer, graph.logits, logits);
  return toPixels(integer, logits.quantization as TensorQuantization);

  /** int8 → uint8 of the same scale. */
  function toPixels(integer: number, quantization: TensorQuantization): number {
    const result = writer.tensor({
      name: `${output}/uint8`,
      shape,
      type: 'uint8',
      quantization: shifted(quantization),
    });
    writer.convert(integer, result);
    return result;
  }
}

/** The same numbers as uint8. */
function shifted({ scales, zeroPoint }: TensorQuantization): TensorQuantization {
  return { scales, zeroPoint: zeroPoint + 128 };
}
