import { dkd } from '@kd/losses';
import type { JsonObject } from '../file.ts';
import { numberOf } from '../values.ts';
import { termKind } from './kind.ts';

/** `DKD`, `DKD, teacher certain of the label`. */
export const dkdKind = termKind({
  matches: ({ loss }) => /^DKD($|,)/.test(loss),
  options: ['alpha', 'beta', 'temperature', 'classes'],
  term: dkdOf,
});

export function dkdOf(options: JsonObject) {
  return dkd({
    alpha: numberOf(options, 'alpha', 1),
    beta: numberOf(options, 'beta', 8),
    temperature: numberOf(options, 'temperature', 4),
  });
}
