import type { LossTerm } from '@kd/core';
import { combine, crossEntropy, softTargets, virtualTeacher, weighted } from '@kd/losses';
import type { JsonObject } from '../file.ts';
import { numberOf } from '../values.ts';
import { termKind } from './kind.ts';
import { shareOf } from './softTargets.ts';

/** `Tf-KD virtual teacher (reg)`. */
export const virtualTeacherKind = termKind({
  matches: ({ loss }) => /^Tf-KD virtual teacher\b/.test(loss),
  options: ['alpha', 'temperature', 'multiplier', 'correctProbability', 'reduction', 'classes'],
  term(options, classes) {
    const correctProbability = numberOf(options, 'correctProbability', 0.99);
    return besideLabels(
      options,
      classes,
      virtualTeacher({ temperature: numberOf(options, 'temperature', 20), correctProbability }),
    );
  },
});

/** `Tf-KD self`: soft targets of an earlier training of the student. */
export const selfTrainingKind = termKind({
  matches: ({ loss }) => /^Tf-KD self\b/.test(loss),
  options: ['alpha', 'temperature', 'multiplier', 'reduction', 'classes'],
  term: (options, classes) =>
    besideLabels(
      options,
      classes,
      softTargets({ temperature: numberOf(options, 'temperature', 20) }),
    ),
});

/**
 * (1 − alpha) · cross entropy + alpha · multiplier · the term, averaged over classes as the
 * published code does.
 */
function besideLabels(options: JsonObject, classes: number, term: LossTerm): LossTerm {
  const alpha = numberOf(options, 'alpha');
  const share = shareOf({ reduction: 'mean', ...options }, classes);
  const soft = weighted(alpha * numberOf(options, 'multiplier', 1) * share, term);
  const objective = combine({ hard: weighted(1 - alpha, crossEntropy()), soft });
  return (step) => objective(step).total;
}
