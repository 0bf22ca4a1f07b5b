import { ensure, type LossTerm, type Schedule } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { scheduledValue, schedulesOf } from './shared/schedules.ts';

/**
 * Multiplies a term by a weight. A scheduled weight enters every step as the scheduled value
 * `weight`, so that a compiled step is not compiled again.
 * @param weight A finite number or a schedule. With 0 the term is still computed.
 * @throws RangeError for a weight that is not finite.
 */
export function weighted(weight: number | Schedule, term: LossTerm): LossTerm {
  if (typeof weight === 'number')
    ensure(Number.isFinite(weight), 'weighted', 'a finite weight', weight);
  const inner = Object.entries(term.schedules ?? {});
  const product: LossTerm = (step) =>
    tf.tidy(() => {
      const factor =
        typeof weight === 'number' ? weight : scheduledValue('weighted', step, 'weight');
      const own = Object.fromEntries(
        inner.map(([name]) => [name, scheduledValue('weighted', step, nameInside(name))]),
      );
      return tf.mul(term({ ...step, scheduledValues: own }), factor) as tf.Scalar;
    });
  const schedules = {
    ...schedulesOf('weight', weight),
    ...Object.fromEntries(inner.map(([name, schedule]) => [nameInside(name), schedule])),
  };
  const { needsTeacher = false, needsIndices = false, needsLabels = false, weights } = term;
  return Object.assign(product, {
    schedules,
    needsTeacher,
    needsIndices,
    needsLabels,
    ...(weights && { weights }),
  });
}

/**
 * Keeps the name of a term's schedule, unless it collides with `weight`: a weighted term may be
 * weighted again.
 */
function nameInside(name: string): string {
  return name === 'weight' || name.startsWith('inner.') ? `inner.${name}` : name;
}
