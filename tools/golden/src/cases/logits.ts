import { expectedError, type LossTerm } from '@kd/core';
import {
  batchCorrelation,
  classCorrelation,
  combine,
  crossEntropy,
  ctkdPerExample,
  dist,
  dkd,
  type LogitStandardizationOptions,
  logitStandardization,
  logitsMse,
  mlkd,
  nkd,
  psKd,
  psKdAlpha,
  softTargets,
  tutorialLoss,
  uskd,
  virtualTeacher,
  weighted,
  wsld,
} from '@kd/losses';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { JsonObject } from '../format/file.ts';
import { numberOf, numbersOf } from '../format/values.ts';
import { type LossCase, logitCase, stepOf, withModule } from './case.ts';

/** Methods on logits. */
export const logitCases: readonly LossCase[] = [
  /**
   * `cross entropy`, `cross entropy, label smoothing (eps/C on every class)`, `label smoothing as in
   * Tf-KD (…)`.
   */
  logitCase({
    method: 'crossEntropy',
    matches: ({ loss }) => /^(cross entropy|label smoothing)\b/i.test(loss),
    options: ['smoothing', 'spread', 'classes'],
    term: (options) =>
      crossEntropy({ smoothing: numberOf(options, 'smoothing', 0), spread: spreadOf(options) }),
  }),
  /**
   * `KD`, `KD (KL, batchmean, times T^2)`, `KD of equal logits`, `KD, constant student rows`, `KL
   * with reduction mean (…)`.
   */
  logitCase({
    method: 'softTargets',
    matches: ({ loss }) => /^KD($|,| of equal| \()|^KL with reduction/.test(loss),
    options: ['temperature', 'reduction', 'timesT2', 'classes'],
    term(options, classes) {
      const temperature = numberOf(options, 'temperature');
      const factor = options.timesT2 === false ? 1 / temperature ** 2 : 1;
      return weighted(factor * shareOf(options, classes), softTargets({ temperature }));
    },
  }),
  /** `weighted pair: (1-alpha)*CE + alpha*T^2*KL(batchmean)`. */
  logitCase({
    method: 'softTargets',
    matches: ({ loss }) => /^weighted pair\b/i.test(loss),
    options: ['alpha', 'temperature', 'reduction', 'classes'],
    term(options, classes) {
      const alpha = numberOf(options, 'alpha');
      const soft = softTargets({ temperature: numberOf(options, 'temperature') });
      const objective = combine({
        hard: weighted(1 - alpha, crossEntropy()),
        soft: weighted(alpha * shareOf(options, classes), soft),
      });
      return (step) => objective(step).total;
    },
  }),
  /** `the seed tutorial's loss_kd: KLDivLoss() mean * alpha*T^2 + CE*(1-alpha)`. */
  logitCase({
    method: 'tutorialLoss',
    matches: ({ loss, options }) =>
      /\bseed tutorial\b/i.test(loss) && (options.reduction ?? 'mean') === 'mean',
    options: ['alpha', 'temperature', 'reduction', 'classes'],
    term: (options) =>
      tutorialLoss({
        temperature: numberOf(options, 'temperature'),
        alpha: numberOf(options, 'alpha'),
      }),
  }),
  /** `MSE of logits`. */
  logitCase({
    method: 'logitsMse',
    matches: ({ loss }) => /^MSE of logits\b/i.test(loss),
    options: ['classes'],
    term: () => logitsMse(),
  }),
  /** `DKD`, `DKD, teacher certain of the label`. */
  logitCase({
    method: 'dkd',
    matches: ({ loss }) => /^DKD($|,)/.test(loss),
    options: ['alpha', 'beta', 'temperature', 'classes'],
    term: dkdOf,
  }),
  /** `NKD`. */
  logitCase({
    method: 'nkd',
    matches: ({ loss }) => /^NKD($|,)/.test(loss),
    options: ['gamma', 'temperature', 'classes'],
    term: (options) =>
      nkd({
        gamma: numberOf(options, 'gamma', 1.5),
        temperature: numberOf(options, 'temperature', 1),
      }),
  }),
  /** `WSLD`. */
  logitCase({
    method: 'wsld',
    matches: ({ loss }) => /^WSLD($|,)/.test(loss),
    options: ['tau', 'weight', 'classes'],
    term: (options) =>
      weighted(numberOf(options, 'weight', 1), wsld({ temperature: numberOf(options, 'tau', 2) })),
  }),
  /** `DIST`, `DIST, constant student rows`. */
  logitCase({
    method: 'dist',
    matches: ({ loss }) => /^DIST($|,)/.test(loss),
    options: ['beta', 'gamma', 'tau', 'classes'],
    term: (options) =>
      dist({
        beta: numberOf(options, 'beta', 1),
        gamma: numberOf(options, 'gamma', 1),
        temperature: numberOf(options, 'tau', 1),
      }),
  }),
  /** `KD with logit standardisation`, `LSKD KD`, `LSKD KD, constant student rows`. */
  logitCase({
    method: 'logitStandardization',
    matches: ({ loss }) => /^(KD with logit standardi[sz]ation|LSKD KD)($|,)/.test(loss),
    options: ['temperature', 'std', 'epsilon', 'classes'],
    term: (options) =>
      logitStandardization(
        softTargets({ temperature: numberOf(options, 'temperature', 2) }),
        standardisation(options),
      ),
  }),
  /** `DKD with logit standardisation`. */
  logitCase({
    method: 'logitStandardization',
    matches: ({ loss }) => /^(DKD with logit standardi[sz]ation|LSKD DKD)($|,)/.test(loss),
    options: ['alpha', 'beta', 'temperature', 'std', 'epsilon', 'classes'],
    term: (options) => logitStandardization(dkdOf(options), standardisation(options)),
  }),
  /** `MLKD class correlation`, `MLKD cc`. */
  logitCase({
    method: 'classCorrelation',
    matches: ({ loss }) => /^MLKD (class correlation|cc)($|,)/.test(loss),
    options: ['temperature', 'classes'],
    term: (options) => classCorrelation({ temperature: numberOf(options, 'temperature', 4) }),
  }),
  /** `MLKD batch correlation`, `MLKD bc`. */
  logitCase({
    method: 'batchCorrelation',
    matches: ({ loss }) => /^MLKD (batch correlation|bc)($|,)/.test(loss),
    options: ['temperature', 'classes'],
    term: (options) => batchCorrelation({ temperature: numberOf(options, 'temperature', 4) }),
  }),
  /**
   * `MLKD, sum of the four parts exactly as the fork computes them`, with a weak and a strong view.
   */
  {
    method: 'mlkd',
    matches: ({ loss, inputs }) =>
      /^MLKD($|,)/.test(loss) &&
      inputs.studentWeak !== undefined &&
      inputs.studentStrong !== undefined,
    options: ['temperature', 'temperatures', 'ceWeight', 'kdWeight', 'logitStand', 'classes'],
    value({ options }, roles) {
      const [weak, strong] = [
        stepOf(roles, 'studentWeak', 'teacherWeak'),
        stepOf(roles, 'studentStrong', 'teacherStrong'),
      ];
      const logits = (role: string) => roles.tensor(role) as Tensor2D;
      const both = {
        ...weak,
        student: { logits: logits('studentWeak'), features: { strong: logits('studentStrong') } },
        teacher: { logits: logits('teacherWeak'), features: { strong: logits('teacherStrong') } },
      };
      const hard = combine({ hard: weighted(numberOf(options, 'ceWeight', 0.1), crossEntropy()) });
      const soft = mlkd({
        strong: 'strong',
        temperatures: temperaturesOf(options),
        standardized: options.logitStand === true,
      });
      return tf.addN([
        hard(weak).total,
        hard(strong).total,
        weighted(numberOf(options, 'kdWeight', 9), soft)(both),
      ]);
    },
  },
  /**
   * `CTKD global temperature`: value, and gradients with respect to the student and the
   * temperature's weight. `temperature` only states the result.
   */
  {
    method: 'ctkd',
    matches: ({ loss, inputs }) => /^CTKD\b/.test(loss) && inputs.rawTemperature !== undefined,
    options: ['tStart', 'tEnd', 'lambda', 'rawTemperature', 'temperature', 'classes'],
    value({ options }, roles) {
      const { student, teacher } = stepOf(roles);
      return tf.mean(
        ctkdPerExample(
          student.logits,
          (teacher ?? student).logits,
          roles.tensor('rawTemperature'),
          {
            reversal: numberOf(options, 'lambda', -1),
            start: numberOf(options, 'tStart', 1),
            span: numberOf(options, 'tEnd', 20),
          },
        ),
      ) as Scalar;
    },
  },
  /** `PS-KD`: the teacher is the student of the previous epoch. */
  {
    method: 'psKd',
    matches: ({ loss, inputs }) => /^PS-KD($|,)/.test(loss) && inputs.previous !== undefined,
    options: ['alphaT', 'epoch0', 'epochs', 'alpha', 'classes'],
    value: ({ options }, roles) =>
      psKd({ alpha: alphaOf(options) })(stepOf(roles, 'student', 'previous')),
  },
  /** `CS-KD regulariser`: soft targets from another image of the class. */
  {
    method: 'csKd',
    matches: ({ loss, inputs }) => /^CS-KD\b/.test(loss) && inputs.sameClassOther !== undefined,
    options: ['temperature', 'classes'],
    value: ({ options }, roles) =>
      softTargets({ temperature: numberOf(options, 'temperature', 4) })(
        stepOf(roles, 'student', 'sameClassOther'),
      ),
  },
  /** `Tf-KD virtual teacher (reg)`. */
  logitCase({
    method: 'virtualTeacher',
    matches: ({ loss }) => /^Tf-KD virtual teacher\b/.test(loss),
    options: ['alpha', 'temperature', 'multiplier', 'correctProbability', 'reduction', 'classes'],
    term(options, classes) {
      const correctProbability = numberOf(options, 'correctProbability', 0.99);
      return besideLabels(
        options,
        classes,
        virtualTeacher({ temperature: numberOf(options, 'temperature', 20), correctProbability }),
      );
    },
  }),
  /** `Tf-KD self`: soft targets from an earlier training of the student. */
  logitCase({
    method: 'softTargets',
    matches: ({ loss }) => /^Tf-KD self\b/.test(loss),
    options: ['alpha', 'temperature', 'multiplier', 'reduction', 'classes'],
    term: (options, classes) =>
      besideLabels(
        options,
        classes,
        softTargets({ temperature: numberOf(options, 'temperature', 20) }),
      ),
  }),
  /** `USKD`: the weak classifier `fc` of the entry on the feature `middle`. */
  {
    method: 'uskd',
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
      const term = uskd({ feature: tap, classes: step.student.logits.shape[1], ...weights });
      return withModule(entry, term, (run) =>
        run({ ...step, student: { ...step.student, features: { middle } } }),
      );
    },
  },
];

function spreadOf({ spread = 'C' }: JsonObject): 'all classes' | 'other classes' {
  if (spread === 'C') return 'all classes';
  if (spread === 'C-1') return 'other classes';
  throw expectedError('golden', 'spread C or C-1', spread);
}

/**
 * Returns the factor of a reduction: a mean over batch × classes is the mean over the batch divided
 * by the classes.
 */
export function shareOf({ reduction = 'batchmean' }: JsonObject, classes: number): number {
  if (reduction === 'batchmean') return 1;
  if (reduction === 'mean') return 1 / classes;
  throw expectedError('golden', 'reduction batchmean or mean', reduction);
}

export function dkdOf(options: JsonObject) {
  return dkd({
    alpha: numberOf(options, 'alpha', 1),
    beta: numberOf(options, 'beta', 8),
    temperature: numberOf(options, 'temperature', 4),
  });
}

function standardisation(options: JsonObject): LogitStandardizationOptions {
  const { std = 'unbiased' } = options;
  if (std !== 'unbiased' && std !== 'biased')
    throw expectedError('golden', 'std unbiased or biased', std);
  return {
    std: std === 'unbiased' ? 'sample' : 'population',
    epsilon: numberOf(options, 'epsilon', 1e-7),
  };
}

function temperaturesOf(options: JsonObject): readonly number[] {
  return options.temperatures === undefined
    ? [numberOf(options, 'temperature', 4), 3, 5, 2, 6]
    : numbersOf(options, 'temperatures');
}

/** Evaluates the schedule at the entry's epoch if it has one, which tests the schedule too. */
function alphaOf(options: JsonObject): number {
  if (options.epochs === undefined) return numberOf(options, 'alpha');
  const epochs = numberOf(options, 'epochs');
  return psKdAlpha({ epochs, last: numberOf(options, 'alphaT', 0.8) })(
    numberOf(options, 'epoch0') / epochs,
  );
}

/**
 * (1 − alpha) · cross entropy + alpha · multiplier · the term, averaged over classes as in the
 * published code.
 */
function besideLabels(options: JsonObject, classes: number, term: LossTerm): LossTerm {
  const alpha = numberOf(options, 'alpha');
  const share = shareOf({ reduction: 'mean', ...options }, classes);
  const soft = weighted(alpha * numberOf(options, 'multiplier', 1) * share, term);
  const objective = combine({ hard: weighted(1 - alpha, crossEntropy()), soft });
  return (step) => objective(step).total;
}
