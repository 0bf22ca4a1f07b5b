import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { numberOf } from '../values.ts';
import { termKind } from './kind.ts';
import { shareOf } from './softTargets.ts';

/** `weighted pair: (1-alpha)*CE + alpha*T^2*KL(batchmean)`. */
export const weightedPairKind = termKind({
  matches: ({ loss }) => /^weighted pair\b/i.test(loss),
  options: ['alpha', 'temperature', 'reduction', 'classes'],
  term(options, classes) {
    const alpha = numberOf(options, 'alpha');
    const soft = softTargets({ temperature: numberOf(options, 'temperature') });
    const objective = combine({
      hard: weighted(1 - alpha, crossEntropy()),
      soft: weighted(alpha * shareOf(options, classes), soft),
    });
    return (step) => objective(step).total;
  },
});
