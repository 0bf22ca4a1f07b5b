import { expectedError, type LossInputs, type Schedule } from '@kd/core';
import type { Scalar } from '@tensorflow/tfjs-core';

/**
 * The value at this step of one of a term's own numbers. @throws RangeError where whoever called
 * the term did not hand it in.
 */
export function scheduledValue(caller: string, step: LossInputs, name: string): Scalar {
  const value = step.scheduledValues[name];
  if (value === undefined)
    throw expectedError(
      caller,
      `step.scheduledValues['${name}']`,
      undefined,
      "evaluate the term's `schedules` and pass their values",
    );
  return value;
}

/**
 * A `numbers` table with one entry where the setting changes over training, and without it where it
 * is a plain number.
 */
export function schedulesOf(
  name: string,
  setting: number | Schedule,
): Readonly<Record<string, Schedule>> {
  return typeof setting === 'number' ? {} : { [name]: setting };
}
