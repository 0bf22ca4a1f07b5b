import { expectedError, type LossInputs, type Schedule } from '@kd/core';
import type { Scalar } from '@tensorflow/tfjs-core';

/**
 * Returns the current value of one of a term's schedules.
 * @throws RangeError if the caller of the term did not pass it.
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
 * Returns the `schedules` of a term with one option: an entry if it is a schedule, none if it is a
 * plain number.
 */
export function schedulesOf(
  name: string,
  setting: number | Schedule,
): Readonly<Record<string, Schedule>> {
  return typeof setting === 'number' ? {} : { [name]: setting };
}
