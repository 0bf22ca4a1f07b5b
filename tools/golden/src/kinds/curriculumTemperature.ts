import { ctkdPerExample } from '@kd/losses';
import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { numberOf } from '../values.ts';
import { type LossKind, stepOf } from './kind.ts';

/**
 * `CTKD global temperature`: value, and gradients to the student and to the temperature's weight.
 * `temperature` only tells what comes out.
 */
export const curriculumTemperatureKind: LossKind = {
  matches: ({ loss, inputs }) => /^CTKD\b/.test(loss) && inputs.rawTemperature !== undefined,
  options: ['tStart', 'tEnd', 'lambda', 'rawTemperature', 'temperature', 'classes'],
  value({ options }, roles) {
    const { student, teacher } = stepOf(roles);
    return tf.mean(
      ctkdPerExample(student.logits, (teacher ?? student).logits, roles.tensor('rawTemperature'), {
        reversal: numberOf(options, 'lambda', -1),
        start: numberOf(options, 'tStart', 1),
        span: numberOf(options, 'tEnd', 20),
      }),
    ) as Scalar;
  },
};
