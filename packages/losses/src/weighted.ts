import { ensure, type LossTerm, type Schedule } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { numberOf, scheduled } from './numbers.ts';

/**
 * A term times a weight. A weight that changes over training enters every step as the number
 * `weight`, so that a compiled step is not compiled again.
 * @param weight Finite number or schedule. 0 still computes the term.
 * @throws RangeError on a weight that is not finite.
 */
export function weighted(weight: number | Schedule, term: LossTerm): LossTerm {
  if (typeof weight === 'number')
    ensure(Number.isFinite(weight), 'weighted', 'a finite weight', weight);
  const inner = Object.entries(term.schedules ?? {});
  const product: LossTerm = (step) =>
    tf.tidy(() => {
      const factor = typeof weight === 'number' ? weight : numberOf('weighted', step, 'weight');
      const own = Object.fromEntries(
        inner.map(([name]) => [name, numberOf('weighted', step, nameInside(name))]),
      );
      return tf.mul(term({ ...step, scheduledValues: own }), factor) as tf.Scalar;
    });
  const numbers = {
    ...scheduled('weight', weight),
    ...Object.fromEntries(inner.map(([name, schedule]) => [nameInside(name), schedule])),
  };
  const { needsTeacher = false, needsIndices: needsRows = false, weights } = term;
  return Object.assign(product, { numbers, needsTeacher, needsRows, ...(weights && { weights }) });
}

/**
 * A term's numbers keep their names, except where the weight's own would hide them: a weighted term
 * weighted again.
 */
function nameInside(name: string): string {
  return name === 'weight' || name.startsWith('inner.') ? `inner.${name}` : name;
}
