import type { Graph } from '@kd/core';
import type { Calibration } from '../quantization/calibrate.ts';
import type { LiteRtWeights } from './kernels.ts';
import type { TensorQuantization } from './litertFile.ts';
import { asFloat, asInteger, type LiteRtWriter, type Value } from './litertWriter.ts';

/** What the operations of a graph are written with. */
export interface Context {
  readonly graph: Graph;
  readonly writer: LiteRtWriter;
  readonly weights: LiteRtWeights;
  /** Present where values are int8. */
  readonly calibration: Calibration | undefined;
  /** Values that are written, by name. */
  readonly values: Map<string, Value>;
}

/** An input of a node. */
export interface Input {
  readonly name: string;
  readonly value: Value;
}

/** Returns the inputs of a node. */
export function inputsOf({ values }: Context, names: readonly string[]): readonly Input[] {
  return names.map((name) => ({ name, value: values.get(name) as Value }));
}

/** Returns the numbers of the inputs as float32. */
export function floatsOf({ writer }: Context, inputs: readonly Input[]): number[] {
  return inputs.map(({ name, value }) => asFloat(writer, name, value));
}

/** Returns the numbers of the inputs as int8. */
export function integersOf({ writer }: Context, inputs: readonly Input[]): number[] {
  return inputs.map(({ name, value }) => asInteger(writer, name, value));
}

/** Integers of 8 bits for a range, which is widened to 0: zeros must be exact, since maps are padded. */
export function quantizationOf({
  min,
  max,
}: {
  readonly min: number;
  readonly max: number;
}): TensorQuantization {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const scale = Math.fround((high - low) / 255) || 1;
  const zeroPoint = Math.max(-128, Math.min(127, Math.round(-128 - low / scale)));
  return { scales: [scale], zeroPoint };
}
