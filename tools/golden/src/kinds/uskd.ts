import { uskd } from '@kd/losses';
import { numberOf } from '../values.ts';
import { withModule } from './connectedTerm.ts';
import { type LossKind, stepOf } from './kind.ts';

/** `USKD`: the weak classifier `fc` of the entry on the rows or maps `middle`. */
export const uskdKind: LossKind = {
  matches: ({ loss, inputs }) => /^USKD($|,)/.test(loss) && inputs.middle !== undefined,
  options: ['alpha', 'beta', 'mu', 'classes'],
  value(entry, roles) {
    const { options } = entry;
    const step = stepOf(roles);
    const middle = roles.tensor('middle');
    const weights = {
      alpha: numberOf(options, 'alpha', 1),
      beta: numberOf(options, 'beta', 0.1),
      mu: numberOf(options, 'mu', 0.005),
    };
    const tap = { name: 'middle', channels: middle.shape.at(-1) as number, stride: 0 };
    const term = uskd({ tap, classes: step.student.logits.shape[1], ...weights });
    return withModule(entry, term, (run) =>
      run({ ...step, student: { ...step.student, features: { middle } } }),
    );
  },
};
