import { expectedError } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import {
  type GoldenFile,
  isObject,
  type Json,
  type JsonObject,
  type LossEntry,
} from '../format/file.ts';
import { valuesOf } from '../format/formula.ts';

/**
 * Creates an input that an entry defines itself: under the name of its role (`logScale: [numbers]`,
 * `residual: "formula, NCHW [4, 7, 2, 2]"`), as a number among its options (`rawTemperature: 1`),
 * or, in this or another entry of the file, by `studentInput: "fsw = 1.1*roll(ftw, +1 channel: …) -
 * 0.05"`. Returns undefined without such a definition.
 */
export function caseInput(
  file: GoldenFile,
  entry: JsonObject,
  role: string,
  name: string,
  at: (name: string) => tf.Tensor,
): tf.Tensor | undefined {
  const own = entry[role];
  if (Array.isArray(own)) return tf.tensor(own as tf.TensorLike, undefined, 'float32');
  if (typeof own === 'string') return byFormula(own);
  const number = isObject(entry.options) ? entry.options[role] : undefined;
  if (typeof number === 'number') return tf.tensor1d([number]);
  const floored = /^max\((\w+), margin\)$/.exec(name)?.[1];
  if (floored !== undefined) return flooredBy(entry.margin, at(floored));
  const row = /^every row = (\[.+\])$/.exec(name)?.[1];
  if (row !== undefined) return repeated(JSON.parse(row), batchOf(file, entry, role));
  const defined = [entry as LossEntry & JsonObject, ...(file.losses ?? [])]
    .map((other) => (other as LossEntry & JsonObject).studentInput)
    .find((text) => textDefines(text, name));
  return typeof defined === 'string' ? rolled(defined, at) : undefined;
}

function repeated(row: readonly number[], times: number): tf.Tensor {
  return tf.tensor2d(new Array(times).fill(row), [times, row.length]);
}

/** Returns the number of rows of the other inputs. */
function batchOf(file: GoldenFile, { inputs }: JsonObject, role: string): number {
  const others = Object.entries(isObject(inputs) ? inputs : {}).flatMap(([other, source]) =>
    other === role ? [] : [source],
  );
  const lengths = others.map((source) =>
    Array.isArray(source) ? source.length : file.inputs?.[String(source)]?.shape[0],
  );
  return lengths.find((length) => length !== undefined) ?? 1;
}

function flooredBy(margin: Json | undefined, source: tf.Tensor): tf.Tensor {
  if (!Array.isArray(margin))
    throw expectedError('golden', 'margin as a number for each channel', margin);
  return tf.tidy(() => tf.maximum(source, tf.tensor1d(margin as number[])));
}

function textDefines(text: unknown, name: string): boolean {
  return typeof text === 'string' && text.startsWith(`${name} = `);
}

function byFormula(text: string): tf.Tensor {
  const [, formula, sides] = /^(.+), NCHW \[([\d, ]+)\]$/.exec(text) ?? [];
  if (formula === undefined || sides === undefined)
    throw expectedError('golden', 'formula, NCHW [shape]', text);
  const shape = sides.split(',').map(Number);
  return tf.tidy(() => tf.transpose(tf.tensor(valuesOf(formula, shape), shape), [0, 2, 3, 1]));
}

/** Evaluates `name = factor*roll(other, +shift channel …) ± offset`, wrapping around. */
function rolled(text: string, at: (name: string) => tf.Tensor): tf.Tensor {
  const [, factor, other, shift, sign, offset] =
    /= ([\d.]+)\*roll\((\w+), ([-+]\d+) channel.*\) ([-+]) ([\d.]+)$/.exec(text) ?? [];
  if (other === undefined)
    throw expectedError('golden', 'name = factor*roll(input, +n channel) + offset', text);
  const source = at(other);
  return tf.tidy(() => {
    const channels = source.shape.at(-1) as number;
    const order = Array.from(
      { length: channels },
      (_, channel) => (((channel - Number(shift)) % channels) + channels) % channels,
    );
    const moved = tf.gather(source, tf.tensor1d(order, 'int32'), source.rank - 1);
    return tf.add(tf.mul(moved, Number(factor)), Number(`${sign}${offset}`));
  });
}
