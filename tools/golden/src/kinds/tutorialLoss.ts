import { tutorialLoss } from '@kd/losses';
import { numberOf } from '../values.ts';
import { termKind } from './kind.ts';

/** `the seed tutorial's loss_kd: KLDivLoss() mean * alpha*T^2 + CE*(1-alpha)`. */
export const tutorialLossKind = termKind({
  matches: ({ loss, options }) =>
    /\bseed tutorial\b/i.test(loss) && (options.reduction ?? 'mean') === 'mean',
  options: ['alpha', 'temperature', 'reduction', 'classes'],
  term: (options) =>
    tutorialLoss({
      temperature: numberOf(options, 'temperature'),
      alpha: numberOf(options, 'alpha'),
    }),
});
