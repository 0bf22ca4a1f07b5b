import type { Network } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import type { JsonObject } from '../format/file.ts';
import { valuesOf } from '../format/formula.ts';
import { numberOf, numbersOf, objectOf, rowsOf } from '../format/values.ts';

/**
 * Allowed multiple of PyTorch's own error, its float32 against its float64: another order of
 * float32 sums has such errors.
 */
const float32Multiple = 10;
/** Allowed share of the largest number, if PyTorch happened to be very near. */
const float32Rounding = 2e-6;

/** Compares logits and pooled features of the fixtures' input with PyTorch's in float64. */
export async function outputDifferences(
  network: Network,
  input: JsonObject,
  expected: JsonObject,
): Promise<{ why: string[]; note: string }> {
  const images = imagesOf(input);
  const { logits, features } = network.forward(images, { training: false });
  const errors = objectOf(expected, 'float32VersusFloat64');
  const reference = objectOf(expected, 'float64');
  const compared = [
    await compare('logits', logits, rowsIn(reference, 'logits'), numberOf(errors, 'maxAbsLogits')),
    await compare(
      'pooled',
      features.pooled as tf.Tensor2D,
      rowsIn(reference, 'pooled'),
      numberOf(errors, 'maxAbsPooled', 0),
    ),
  ];
  tf.dispose([images, logits, features]);
  return {
    why: compared.flatMap(({ why }) => why),
    note: compared.map(({ note }) => note).join(', '),
  };
}

/** Returns all of them, or the first ten of every row. */
function rowsIn(reference: JsonObject, name: string): readonly (readonly number[])[] {
  const key = [name, `${name}First10`].find((one) => reference[one] !== undefined);
  return key === undefined ? [] : rowsOf(reference, key);
}

/** @param rows The first numbers of every row. */
async function compare(
  what: string,
  outputs: tf.Tensor2D,
  rows: readonly (readonly number[])[],
  float32Error: number,
) {
  const got = (await outputs.array())
    .slice(0, rows.length)
    .flatMap((row, at) => row.slice(0, rows[at]?.length));
  const wanted = rows.flat();
  if (got.length !== wanted.length)
    return { why: [`${what}: expected ${wanted.length} numbers, got ${got.length}`], note: '' };
  const allowed = Math.max(
    float32Multiple * float32Error,
    float32Rounding * Math.max(0, ...wanted.map(Math.abs)),
  );
  const errors = wanted.map((value, at) => Math.abs((got[at] as number) - value));
  const worst = errors.reduce(
    (most, error, at) => (error <= (errors[most] as number) ? most : at),
    0,
  );
  const off = errors[worst] ?? 0;
  const note = `${what} off by ${off.toExponential(1)} of ${allowed.toExponential(1)} allowed`;
  return {
    why:
      off <= allowed
        ? []
        : [`${what}[${worst}]: expected ${wanted[worst]}, got ${got[worst]} (${note})`],
    note,
  };
}

function imagesOf(input: JsonObject): tf.Tensor4D {
  const [batch, channels, height, width] = numbersOf(input, 'shapeNCHW') as [
    number,
    number,
    number,
    number,
  ];
  const text = String(input.formula).split(/,? rounded|;/)[0] as string;
  return tf.tidy(() =>
    tf.transpose(
      tf.tensor4d(valuesOf(text, [batch, channels, height, width]), [
        batch,
        channels,
        height,
        width,
      ]),
      [0, 2, 3, 1],
    ),
  );
}
