import { expectedError } from '@kd/core';
import {
  activationBoundaries,
  attentionFusion,
  factorTransfer,
  hierarchicalContextPerExample,
  hints,
  hintsPerExample,
  mgd,
  mgdPerExample,
  ofd,
  ofdMargin,
  projector,
  semCkd,
  semCkdPerExample,
  simKd,
  srrl,
  vidPerExample,
  weighted,
} from '@kd/losses';
import { simKdStudent } from '@kd/models';
import type { Scalar, Tensor, Tensor1D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { JsonObject, LossEntry } from '../format/file.ts';
import { numberOf, numbersOf, objectOf } from '../format/values.ts';
import { classifierHead, extrasOf, fillModule, tensorIn } from '../inputs/modules.ts';
import { hasModule, type LossCase, moduleCase, moduleStepOf, withModule } from './case.ts';

/** Methods on features, most of them with a projector of their own. */
export const featureCases: readonly LossCase[] = [
  /** `hint / FitNet MSE`, `hint through a 1x1 convolution`, `hint MSE`. */
  moduleCase({
    method: 'hints',
    matches: ({ loss }) => /^hint\b/i.test(loss),
    options: [],
    term: (entry, pairs) =>
      hints(pairs, { regressor: regressorOf(entry, { bias: hasBias(entry) }) }),
  }),
  /** `FT`, `FT factor transfer (p1=2,p2=1)`, `FT on the raw factors: …`. */
  moduleCase({
    method: 'factorTransfer',
    matches: ({ loss }) => /^FT\b/.test(loss),
    options: ['p1', 'p2', 'variant'],
    term: ({ loss, options }, pairs) => {
      const isRaw =
        /no channel pooling/.test(String(options.variant)) || /\braw factors\b/.test(loss);
      return factorTransfer(pairs, {
        p1: isRaw ? 'raw' : numberOf(options, 'p1', 2),
        p2: numberOf(options, 'p2', 1),
      });
    },
  }),
  /** `AB`, `AB activation boundaries, one stage`, `AB, two stages (weights 1/2, 1)`. */
  moduleCase({
    method: 'activationBoundaries',
    matches: ({ loss }) => /^AB\b/.test(loss),
    options: ['margin', 'stages', 'scale'],
    term: (entry, pairs) => {
      expectScale(entry.options);
      return activationBoundaries(pairs, {
        margin: numberOf(entry.options, 'margin', 1),
        regressor: regressorOf(entry, { batchNorm: true }),
      });
    },
  }),
  /**
   * `OFD partial L2 with margin (no connector)`, `OFD with connector (…)`; `OFD as MMRazor: …,
   * sum/B/1000`, with a teacher to which the margins are applied already.
   */
  moduleCase({
    method: 'ofd',
    matches: ({ loss }) => /^OFD\b/.test(loss),
    options: [],
    term: (entry, pairs) => {
      const { loss, inputs } = entry;
      const isApplied = /max\(/.test(String(inputs.teacher));
      const withMargins = pairs.map((pair) => ({
        ...pair,
        margin: isApplied ? lowest(pair.teacher.channels) : marginOf(entry),
      }));
      const term = ofd(withMargins, { regressor: regressorOf(entry, { batchNorm: true }) });
      return /sum\/B\/1000/.test(loss) ? weighted(1 / 1000, term) : term;
    },
  }),
  /**
   * `MGD distance as MMRazor (sum of squares / B * alpha, no generation)`, `MGD with generation
   * block and a fixed channel mask`, which is in the entry: lambda, from which it was drawn, is not
   * needed.
   */
  {
    method: 'mgd',
    matches: ({ loss }) => /^MGD\b/.test(loss),
    options: ['alpha', 'lambda'],
    value(entry, roles) {
      const alpha = numberOf(entry.options, 'alpha', 1);
      const { step, pairs } = moduleStepOf(roles);
      if (!hasModule(entry)) {
        const [student, teacher] = [roles.tensor('student'), roles.tensor('teacher')] as [
          Tensor4D,
          Tensor4D,
        ];
        return tf.mul(tf.mean(mgdPerExample(student, teacher)), alpha) as Scalar;
      }
      const mask = () => maskOf(tensorIn(entry, 'mask'));
      return withModule(entry, weighted(alpha, mgd(pairs, { mask })), (term) => term(step));
    },
  },
  /**
   * `ReviewKD hcl_loss`, `ReviewKD hierarchical context loss`, `ReviewKD hcl_loss over two stages
   * (sum)`, `HCL, zero student map`.
   */
  {
    method: 'review',
    matches: ({ loss }) => /^(ReviewKD (hcl|hierarchical)|HCL\b)/.test(loss),
    options: ['levels'],
    value({ options }, roles) {
      const levels = options.levels === undefined ? [4, 2, 1] : numbersOf(options, 'levels');
      const teacher = roles.tensors('teacher') as Tensor4D[];
      const stages = roles.tensors('student').map((student, at) => {
        return tf.mean(
          hierarchicalContextPerExample(student as Tensor4D, teacher[at] as Tensor4D, { levels }),
        );
      });
      return tf.addN(stages) as Scalar;
    },
  },
  /** `ReviewKD ABF fusion block then hcl_loss`. */
  {
    method: 'review',
    matches: ({ loss }) => /^ReviewKD ABF\b/.test(loss),
    options: ['inChannels', 'midChannels', 'outChannels', 'fuse'],
    value(entry, roles) {
      const { options } = entry;
      const [from, middle, to] = ['inChannels', 'midChannels', 'outChannels'].map((name) =>
        numberOf(options, name),
      ) as [number, number, number];
      const fuses = options.fuse !== false;
      const [student, teacher] = [roles.tensor('student'), roles.tensor('teacher')] as [
        Tensor4D,
        Tensor4D,
      ];
      return withModule(entry, attentionFusion({ from, middle, to, fuses }), (block) => {
        const deeper = fuses ? (roles.tensor('residual') as Tensor4D) : undefined;
        const { output } = block.apply(student, deeper, [teacher.shape[1], teacher.shape[2]]);
        return tf.mean(hierarchicalContextPerExample(output, teacher)) as Scalar;
      });
    },
  },
  /**
   * `SemCKD loss given projections and attention`: features are lists for each of the student's
   * layers.
   */
  {
    method: 'semCkd',
    matches: (entry) => /^SemCKD\b/.test(entry.loss) && !hasModule(entry),
    options: [],
    value(entry, roles) {
      const attention = tensorIn(entry, 'attention') as Tensor3D;
      const [, students, teachers] = attention.shape;
      const table = (role: string): Tensor[][] => {
        const all = roles.tensors(role);
        return Array.from({ length: students }, (_, at) =>
          all.slice(at * teachers, (at + 1) * teachers),
        );
      };
      return tf.mean(semCkdPerExample(table('student'), table('teacher'), attention)) as Scalar;
    },
  },
  /** `SemCKD with SelfA attention and projections`. */
  {
    method: 'semCkd',
    matches: (entry) => /^SemCKD\b/.test(entry.loss) && hasModule(entry),
    options: ['factor'],
    value(entry, roles) {
      const { step } = moduleStepOf(roles);
      const taps = (role: string) =>
        roles.tensors(role).map(({ shape }, at) => ({
          name: String(at),
          channels: shape.at(-1) as number,
          stride: 1,
        }));
      const options = {
        batchSize: step.labels.shape[0],
        factor: numberOf(entry.options, 'factor', 4),
      };
      const term = semCkd({ student: taps('student'), teacher: taps('teacher') }, options);
      return withModule(entry, term, (term) => term(step));
    },
  },
  /** `SRRL feature matching (spatial means)`: without a classifier it equals hints on means. */
  {
    method: 'srrl',
    matches: (entry) => /^SRRL\b/.test(entry.loss) && !hasClassifier(entry),
    options: [],
    value(_, roles) {
      const [student, teacher] = ['student', 'teacher'].map((role) =>
        overPlaces(roles.tensor(role)),
      ) as [Tensor, Tensor];
      return tf.mean(hintsPerExample(student, teacher)) as Scalar;
    },
  },
  /**
   * `SRRL: alpha*feature matching + beta*MSE of teacher-classifier logits`, `SRRL as in the SimKD
   * repository: …`.
   */
  moduleCase({
    method: 'srrl',
    matches: (entry) => /^SRRL\b/.test(entry.loss) && hasClassifier(entry),
    options: ['alpha', 'beta'],
    term: (entry, [pair]) => {
      if (pair === undefined) throw expectedError('golden', 'a student and a teacher', undefined);
      const weights = {
        alpha: numberOf(entry.options, 'alpha', 1),
        beta: numberOf(entry.options, 'beta', 1),
      };
      const regressor = hasModule(entry) ? { batchNorm: true, relu: true } : 'none';
      return srrl(pair, classifierHead(entry, pair.teacher.channels), { ...weights, regressor });
    },
  }),
  /** `SimKD feature loss`: the maps of a student that ends in the teacher's classifier. */
  {
    method: 'simKd',
    matches: ({ loss }) => /^SimKD\b/.test(loss),
    options: ['factor'],
    value(entry, roles) {
      const { step, pairs } = moduleStepOf(roles);
      const [maps, target] = [roles.tensor('student'), roles.tensor('teacher')] as [
        Tensor4D,
        Tensor4D,
      ];
      const pool = Math.max(1, maps.shape[1] / target.shape[1]);
      const student = {
        weights: {},
        featureInfo: { 0: pairs[0]?.student ?? { channels: 0, stride: 0 } },
        forward: () => step.student,
        dispose() {},
      };
      const classifier = classifierHead(entry, target.shape[3]);
      const network = simKdStudent(student, {
        tap: '0',
        classifier,
        factor: numberOf(entry.options, 'factor', 2),
        pool,
        seed: 0,
      });
      try {
        fillModule(entry, trained(network.weights));
        const outputs = network.forward(maps, { training: true });
        return simKd({ student: 'projected', teacher: '0' })({ ...step, student: outputs });
      } finally {
        network.dispose();
      }
    },
  },
  /**
   * `VID, identity 1x1 regressors (two ReLUs between stay)`, `VID, 1x1 regressors of given
   * weights`. The gradient is also taken with respect to the logarithms of the scales, which a term
   * does not expose: hence the function of the paper and the regressor separately.
   */
  {
    method: 'vid',
    matches: ({ loss }) => /^VID\b/.test(loss),
    options: ['initialVariance', 'epsilon'],
    value(entry, roles) {
      const [student, teacher, logScale] = ['student', 'teacher', 'logScale'].map((role) =>
        roles.tensor(role),
      ) as [Tensor, Tensor, Tensor1D];
      const likelihood = (prediction: Tensor): Scalar =>
        tf.mean(
          vidPerExample(prediction, teacher, logScale, {
            epsilon: numberOf(entry.options, 'epsilon', 1e-5),
          }),
        ) as Scalar;
      if (!hasModule(entry)) return likelihood(tf.relu(student));
      const [from, to] = [student.shape.at(-1) as number, teacher.shape.at(-1) as number];
      const hidden = hiddenIn(entry) ?? to;
      const layers = [
        { from, to: hidden, relu: true },
        { from: hidden, to: hidden, relu: true },
        { from: hidden, to },
      ];
      return withModule(entry, projector(layers), ({ apply }) => likelihood(apply(student)));
    },
  },
];

/** Features of an entry without a module are compared without a regressor. */
function regressorOf<Layer>(entry: LossEntry, layer: Layer): Layer | 'none' {
  return hasModule(entry) ? layer : 'none';
}

/** Computes the margins from the teacher's batch norm if the entry has it. */
function marginOf(entry: LossEntry): readonly number[] {
  const extras = extrasOf(entry);
  if (extras.batchNorm === undefined) return numbersOf(extras, 'margin');
  const norm = objectOf(extras, 'batchNorm');
  return ofdMargin(numbersOf(norm, 'weight'), numbersOf(norm, 'bias'));
}

/** Margins that have no effect. */
function lowest(channels: number): readonly number[] {
  return new Array(channels).fill(-1e6);
}

function hasBias(entry: LossEntry): boolean {
  const { module } = entry as LossEntry & { readonly module?: JsonObject };
  return Object.keys(module ?? {}).some((name) => /bias/.test(name));
}

function expectScale({ scale = 'sum / B / 1000 * 3' }: JsonObject): void {
  if (scale !== 'sum / B / 1000 * 3')
    throw expectedError('golden', 'scale sum / B / 1000 * 3', scale);
}

/**
 * Reads a mask [batch, channels], or in PyTorch's order [batch, channels, height, width] with ones
 * where it broadcasts.
 */
function maskOf(kept: Tensor): Tensor {
  const [batch = 0, channels = 0] = kept.shape;
  return kept.rank === 2
    ? tf.reshape(kept, [batch, 1, 1, channels])
    : tf.transpose(kept, [0, 2, 3, 1]);
}

function hasClassifier(entry: LossEntry): boolean {
  return 'teacherClassifier' in entry;
}

function overPlaces(feature: Tensor): Tensor {
  return feature.rank === 4 ? tf.mean(feature, [1, 2]) : feature;
}

function trained(weights: Readonly<Record<string, tf.Variable>>): Record<string, tf.Variable> {
  return Object.fromEntries(Object.entries(weights).filter(([, { trainable }]) => trainable));
}

/** Returns the number of rows of the first weight. */
function hiddenIn(entry: LossEntry): number | undefined {
  const [first] = Object.values(extrasOf(entry).module ?? {});
  return Array.isArray(first) ? first.length : undefined;
}
