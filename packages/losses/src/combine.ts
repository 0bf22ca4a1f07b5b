import {
  assertShape,
  ensure,
  type LossInputs,
  type LossTerm,
  type Objective,
  type Schedule,
} from '@kd/core';
import type { Scalar, Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { scheduledValue } from './shared/schedules.ts';

/**
 * Adds several terms to the objective that a training minimizes.
 *
 * The returned `terms` are the values with their weights applied, so that they add up to the total.
 * The weights and schedules of a term are prefixed with its name, `soft.temperature`; each term
 * receives only its own scheduled values.
 * @param terms Terms by name; at least one. A name contains no dot.
 * @throws RangeError without terms and for names that are empty, contain a dot or are `total`.
 */
export function combine<Name extends string>(
  terms: Readonly<Record<Name, LossTerm>>,
): Objective<Name> {
  const parts = Object.entries<LossTerm>(terms).map(([name, term]) => part(name, term));
  ensure(
    parts.length > 0,
    'combine',
    'at least one term',
    'none',
    'combine({ hard: crossEntropy() }) is one',
  );

  const objective = (step: LossInputs): { total: Scalar; terms: Record<Name, Scalar> } =>
    tf.tidy(() => {
      const values = parts.map(({ name, run }) => [name, run(step)] as const);
      const total = tf.addN(values.map(([, value]) => value));
      return { total, terms: Object.fromEntries(values) as Record<Name, Scalar> };
    });
  return Object.assign(objective, {
    weights: Object.assign({}, ...parts.map(({ weights }) => weights)) as Record<string, Variable>,
    schedules: Object.assign({}, ...parts.map(({ schedules }) => schedules)) as Record<
      string,
      Schedule
    >,
    needsTeacher: parts.some(({ needsTeacher }) => needsTeacher),
    needsIndices: parts.some(({ needsIndices }) => needsIndices),
    needsLabels: parts.filter(({ needsLabels }) => needsLabels).map(({ name }) => name),
  });
}

function part(name: string, term: LossTerm) {
  ensure(
    name !== '' && name !== 'total' && !name.includes('.'),
    'combine',
    'names without a dot, not empty and not total',
    `'${name}'`,
  );
  const own = Object.keys(term.schedules ?? {});
  return {
    name,
    run: (step: LossInputs): Scalar => {
      const scheduledValues = Object.fromEntries(
        own.map((value) => [value, scheduledValue('combine', step, `${name}.${value}`)]),
      );
      const value = term({ ...step, scheduledValues });
      assertShape('combine', `the value of ${name}, one number,`, value, []);
      return value;
    },
    weights: prefixed(name, term.weights ?? {}),
    schedules: prefixed(name, term.schedules ?? {}),
    needsTeacher: term.needsTeacher === true,
    needsIndices: term.needsIndices === true,
    needsLabels: term.needsLabels === true,
  };
}

function prefixed<Value>(
  name: string,
  entries: Readonly<Record<string, Value>>,
): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(entries).map(([key, value]) => [`${name}.${key}`, value]),
  );
}
