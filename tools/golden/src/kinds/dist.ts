import { dist } from '@kd/losses';
import { numberOf } from '../values.ts';
import { termKind } from './kind.ts';

/** `DIST`, `DIST, constant student rows`. */
export const distKind = termKind({
  matches: ({ loss }) => /^DIST($|,)/.test(loss),
  options: ['beta', 'gamma', 'tau', 'classes'],
  term: (options) =>
    dist({
      beta: numberOf(options, 'beta', 1),
      gamma: numberOf(options, 'gamma', 1),
      temperature: numberOf(options, 'tau', 1),
    }),
});
