import { expectedError, type LossInputs, type Schedule } from '@kd/core';
import type { Scalar } from '@tensorflow/tfjs-core';

/**
 * The value at this step of one of a term's own numbers. @throws RangeError where whoever called
 * the term did not hand it in.
 */
export function numberOf(caller: string, step: LossInputs, name: string): Scalar {
  const value = step.scheduledValues[name];
  if (value === undefined)
    throw expectedError(
      caller,
      `step.numbers['${name}']`,
      undefined,
      "evaluate the term's `numbers` and hand the values in",
    );
  return value;
}

/**
 * A `numbers` table with one entry where the setting changes over training, and without it where it
 * is a plain number.
 */
export function scheduled(
  name: string,
  setting: number | Schedule,
): Readonly<Record<string, Schedule>> {
  return typeof setting === 'number' ? {} : { [name]: setting };
}
