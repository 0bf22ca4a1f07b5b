import { logitsMse } from '@kd/losses';
import { termKind } from './kind.ts';

/** `MSE of logits`. */
export const meanSquaredLogitsKind = termKind({
  matches: ({ loss }) => /^MSE of logits\b/i.test(loss),
  options: ['classes'],
  term: () => logitsMse(),
});
