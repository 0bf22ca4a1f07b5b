import { expectedError } from '@kd/core';
import { crossEntropy } from '@kd/losses';
import type { JsonObject } from '../file.ts';
import { numberOf } from '../values.ts';
import { termKind } from './kind.ts';

/**
 * `cross entropy`, `cross entropy, label smoothing (eps/C on every class)`, `label smoothing as in
 * Tf-KD (…)`.
 */
export const crossEntropyKind = termKind({
  matches: ({ loss }) => /^(cross entropy|label smoothing)\b/i.test(loss),
  options: ['smoothing', 'spread', 'classes'],
  term: (options) =>
    crossEntropy({ smoothing: numberOf(options, 'smoothing', 0), spread: spreadOf(options) }),
});

function spreadOf({ spread = 'C' }: JsonObject): 'all classes' | 'other classes' {
  if (spread === 'C') return 'all classes';
  if (spread === 'C-1') return 'other classes';
  throw expectedError('golden', 'spread C or C-1', spread);
}
