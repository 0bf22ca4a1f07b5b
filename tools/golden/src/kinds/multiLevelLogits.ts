import {
  batchCorrelation,
  classCorrelation,
  combine,
  crossEntropy,
  mlkd,
  weighted,
} from '@kd/losses';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { JsonObject } from '../file.ts';
import { numberOf, numbersOf } from '../values.ts';
import { type LossKind, stepOf, termKind } from './kind.ts';

/** `MLKD class correlation`, `MLKD cc`. */
export const classCorrelationKind = termKind({
  matches: ({ loss }) => /^MLKD (class correlation|cc)($|,)/.test(loss),
  options: ['temperature', 'classes'],
  term: (options) => classCorrelation({ temperature: numberOf(options, 'temperature', 4) }),
});

/** `MLKD batch correlation`, `MLKD bc`. */
export const batchCorrelationKind = termKind({
  matches: ({ loss }) => /^MLKD (batch correlation|bc)($|,)/.test(loss),
  options: ['temperature', 'classes'],
  term: (options) => batchCorrelation({ temperature: numberOf(options, 'temperature', 4) }),
});

/** `MLKD, sum of the four parts exactly as the fork computes them`: of a weak and a strong view. */
export const multiLevelLogitsKind: LossKind = {
  matches: ({ loss, inputs }) =>
    /^MLKD($|,)/.test(loss) &&
    inputs.studentWeak !== undefined &&
    inputs.studentStrong !== undefined,
  options: ['temperature', 'temperatures', 'ceWeight', 'kdWeight', 'logitStand', 'classes'],
  value({ options }, roles) {
    const [weak, strong] = [
      stepOf(roles, 'studentWeak', 'teacherWeak'),
      stepOf(roles, 'studentStrong', 'teacherStrong'),
    ];
    const logits = (role: string) => roles.tensor(role) as Tensor2D;
    const both = {
      ...weak,
      student: { logits: logits('studentWeak'), features: { strong: logits('studentStrong') } },
      teacher: { logits: logits('teacherWeak'), features: { strong: logits('teacherStrong') } },
    };
    const hard = combine({ hard: weighted(numberOf(options, 'ceWeight', 0.1), crossEntropy()) });
    const soft = mlkd({
      strong: 'strong',
      temperatures: temperaturesOf(options),
      standardized: options.logitStand === true,
    });
    return tf.addN([
      hard(weak).total,
      hard(strong).total,
      weighted(numberOf(options, 'kdWeight', 9), soft)(both),
    ]);
  },
};

function temperaturesOf(options: JsonObject): readonly number[] {
  return options.temperatures === undefined
    ? [numberOf(options, 'temperature', 4), 3, 5, 2, 6]
    : numbersOf(options, 'temperatures');
}
