import { nkd } from '@kd/losses';
import { numberOf } from '../values.ts';
import { termKind } from './kind.ts';

/** `NKD`. */
export const nkdKind = termKind({
  matches: ({ loss }) => /^NKD($|,)/.test(loss),
  options: ['gamma', 'temperature', 'classes'],
  term: (options) =>
    nkd({
      gamma: numberOf(options, 'gamma', 1.5),
      temperature: numberOf(options, 'temperature', 1),
    }),
});
