import { expectedError } from '@kd/core';
import { infoNce, weighted } from '@kd/losses';
import type { JsonObject } from '../file.ts';
import { numberOf } from '../values.ts';
import { featureStepOf } from './featureStep.ts';
import type { LossKind } from './kind.ts';

/** `InfoNCE`, `in-batch InfoNCE (…)`, `in-batch InfoNCE, sum of both directions`. */
export const infoNceKind: LossKind = {
  matches: ({ loss }) => /\bInfoNCE\b/.test(loss),
  options: ['temperature', 'symmetric'],
  value({ options }, roles) {
    const { step } = featureStepOf(roles);
    const { direction, share } = waysOf(options);
    return weighted(
      share,
      infoNce({
        student: '0',
        teacher: '0',
        temperature: numberOf(options, 'temperature', 0.1),
        direction,
      }),
    )(step);
  },
};

function waysOf({ symmetric = false }: JsonObject): {
  direction: 'student to teacher' | 'both ways';
  share: number;
} {
  if (symmetric === false) return { direction: 'student to teacher', share: 1 };
  if (symmetric === true || symmetric === 'sum') return { direction: 'both ways', share: 1 };
  if (symmetric === 'mean') return { direction: 'both ways', share: 0.5 };
  throw expectedError('golden', 'symmetric sum or mean', symmetric);
}
