import { psKd, psKdAlpha, softTargets } from '@kd/losses';
import type { JsonObject } from '../file.ts';
import { numberOf } from '../values.ts';
import { type LossKind, stepOf } from './kind.ts';

/** `PS-KD`: the teacher is the student of an epoch ago. */
export const pskdKind: LossKind = {
  matches: ({ loss, inputs }) => /^PS-KD($|,)/.test(loss) && inputs.previous !== undefined,
  options: ['alphaT', 'epoch0', 'epochs', 'alpha', 'classes'],
  value: ({ options }, roles) =>
    psKd({ alpha: alphaOf(options) })(stepOf(roles, 'student', 'previous')),
};

/** `CS-KD regulariser`: soft targets of another picture of the class. */
export const csKdKind: LossKind = {
  matches: ({ loss, inputs }) => /^CS-KD\b/.test(loss) && inputs.sameClassOther !== undefined,
  options: ['temperature', 'classes'],
  value: ({ options }, roles) =>
    softTargets({ temperature: numberOf(options, 'temperature', 4) })(
      stepOf(roles, 'student', 'sameClassOther'),
    ),
};

/** By the schedule at the entry's epoch where it has one, so that the schedule is proven too. */
function alphaOf(options: JsonObject): number {
  if (options.epochs === undefined) return numberOf(options, 'alpha');
  const epochs = numberOf(options, 'epochs');
  return psKdAlpha({ epochs, last: numberOf(options, 'alphaT', 0.8) })(
    numberOf(options, 'epoch0') / epochs,
  );
}
