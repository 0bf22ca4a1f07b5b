import { weighted, wsld } from '@kd/losses';
import { numberOf } from '../values.ts';
import { termKind } from './kind.ts';

/** `WSLD`. */
export const wsldKind = termKind({
  matches: ({ loss }) => /^WSLD($|,)/.test(loss),
  options: ['tau', 'weight', 'classes'],
  term: (options) =>
    weighted(numberOf(options, 'weight', 1), wsld({ temperature: numberOf(options, 'tau', 2) })),
});
