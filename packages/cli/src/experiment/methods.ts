import { type LossTerm, linear, type Objective, type Schedule } from '@kd/core';
import {
  activationBoundaries,
  attentionTransfer,
  type ClassifierHead,
  classifierHead,
  combine,
  correlationCongruence,
  crd,
  crossEntropy,
  csKd,
  ctkd,
  cwd,
  dist,
  dkd,
  factorTransfer,
  featureRef,
  fsp,
  gradientReversalSchedule,
  hints,
  ickd,
  infoNce,
  irg,
  irgEdges,
  kdSvd,
  logitStandardization,
  logitsMse,
  mgd,
  mlkd,
  nkd,
  nst,
  ofd,
  otherClassNegatives,
  pkd,
  pkt,
  previousEpochTargets,
  psKd,
  review,
  rkd,
  semCkd,
  similarityPreserving,
  simKd,
  softTargets,
  srrl,
  tutorialLoss,
  uskd,
  vid,
  virtualTeacher,
  weighted,
  wsld,
} from '@kd/losses';
import { simKdStudent } from '@kd/models';
import type { ArchitectureName } from './architectures.ts';
import {
  type Method,
  type MethodContext,
  mapNames,
  type ObjectiveWeights,
  pairLastStages,
  pairMiddleStages,
  pairPooled,
  pairStages,
} from './method.ts';

/**
 * Papers train on CIFAR-100 for 240 epochs and count in epochs; shares of a training hold for
 * shorter ones too. Weights for CIFAR are taken where the authors have some.
 */
const epochs = 240;

const onLogits = { needs: 'logits' } as const;
const onFeatures = { needs: 'features', term: 'features', clipNorm: 1 } as const;
const onRelations = { needs: 'features', term: 'relations', clipNorm: 1 } as const;

/**
 * The methods, each under the name that @kd/losses (strategies: @kd/trainer) exports. A row adds
 * one.
 */
export const methods = {
  // On logits.
  softTargets: {
    ...onLogits,
    temperature: 4,
    weights: { labels: 0.1, method: 0.9 },
    createTerm: ({ temperature }) => softTargets({ temperature }),
  },
  /** The loss of PyTorch's tutorial as published, its wrong mean included; its alpha is 0.5. */
  tutorialLoss: {
    ...onLogits,
    needsLabels: true,
    temperature: 1,
    weights: { labels: 0, method: 1 },
    term: 'tutorial',
    createTerm: ({ temperature }) => tutorialLoss({ temperature }),
  },
  logitsMse: {
    ...onLogits,
    clipNorm: 1,
    weights: { labels: 0.1, method: 0.9 },
    createTerm: () => logitsMse(),
  },
  dkd: {
    ...onLogits,
    needsLabels: true,
    temperature: 4,
    clipNorm: 1,
    weights: { labels: 1, method: 1 },
    linearWarmup: 20 / epochs,
    createTerm: ({ temperature }) => dkd({ temperature }),
  },
  nkd: {
    ...onLogits,
    needsLabels: true,
    temperature: 3,
    clipNorm: 1,
    weights: { labels: 1, method: 1 },
    createTerm: ({ temperature }) => nkd({ gamma: 3.5, temperature }),
  },
  dist: {
    ...onLogits,
    temperature: 4,
    clipNorm: 1,
    weights: { labels: 1, method: 2 },
    createTerm: ({ temperature }) => dist({ temperature }),
  },
  logitStandardization: {
    ...onLogits,
    temperature: 2,
    clipNorm: 1,
    weights: { labels: 0.1, method: 9 },
    createTerm: ({ temperature }) => logitStandardization(softTargets({ temperature })),
  },
  /** `dkd` under the export `logitStandardization`. */
  logitStandardizationDkd: {
    ...onLogits,
    needsLabels: true,
    temperature: 2,
    clipNorm: 1,
    weights: { labels: 1, method: 9 },
    linearWarmup: 20 / epochs,
    createTerm: ({ temperature }) => logitStandardization(dkd({ temperature })),
  },
  /** Without MLKD's strong view: a step has one view of an image. */
  mlkd: {
    ...onLogits,
    clipNorm: 1,
    weights: { labels: 0.1, method: 0.9 },
    createTerm: () => mlkd(),
  },
  ctkd: {
    ...onLogits,
    weights: { labels: 0.1, method: 0.9 },
    createTerm: () => ctkd({ reversal: gradientReversalSchedule({ over: 10 / epochs }) }),
  },
  wsld: {
    ...onLogits,
    needsLabels: true,
    temperature: 4,
    clipNorm: 1,
    weights: { labels: 1, method: 2.25 },
    createTerm: ({ temperature }) => wsld({ temperature }),
  },

  // Without a teacher.
  uskd: {
    needs: 'nothing',
    needsLabels: true,
    weights: { labels: 1, method: 1 },
    term: 'uskd',
    createTerm: ({ student, classes, seed }) =>
      uskd({
        alpha: 0.1,
        beta: 0.1,
        mu: 0.1,
        feature: featureRef(student, mapNames(student).at(-2) ?? ''),
        classes,
        seed,
      }),
  },
  virtualTeacher: {
    needs: 'nothing',
    needsLabels: true,
    temperature: 20,
    weights: { labels: 0.9, method: 0.1 },
    createTerm: ({ temperature }) => virtualTeacher({ temperature }),
  },
  csKd: {
    needs: 'nothing',
    needsLabels: true,
    temperature: 4,
    weights: { labels: 1, method: 1 },
    createTerm: ({ temperature }) => csKd({ temperature }),
  },
  /** `psKd` under the export `previousEpochTargets`. */
  psKd: {
    needs: 'nothing',
    needsLabels: true,
    weights: { labels: 0, method: 1 },
    term: 'past',
    createTerm: ({ labels, classes }) =>
      previousEpochTargets(psKd(), { datasetSize: labels.length, classes }),
  },

  // On features: with weights of their own, and contrastive ones.
  hints: {
    ...onFeatures,
    weights: { labels: 1, method: 100 },
    createTerm: (context) => hints(pairMiddleStages(context), { seed: context.seed }),
  },
  factorTransfer: {
    ...onFeatures,
    weights: { labels: 1, method: 200 },
    createTerm: (context) => factorTransfer(pairLastStages(context)),
  },
  activationBoundaries: {
    ...onFeatures,
    weights: { labels: 1, method: 1 },
    until: 0.1,
    createTerm: (context) => activationBoundaries(pairStages(context), { seed: context.seed }),
  },
  vid: {
    ...onFeatures,
    weights: { labels: 1, method: 1 },
    createTerm: (context) => vid(pairStages(context), { seed: context.seed }),
  },
  /** With margins of 0: the stages are taken behind a ReLU, where margins change nothing. */
  ofd: {
    ...onFeatures,
    weights: { labels: 1, method: 1e-3 },
    createTerm: (context) =>
      ofd(
        pairStages(context).map((stage) => ({
          ...stage,
          margin: new Array<number>(stage.teacher.channels).fill(0),
        })),
        { seed: context.seed },
      ),
  },
  review: {
    ...onFeatures,
    weights: { labels: 1, method: 1 },
    linearWarmup: 20 / epochs,
    createTerm: (context) =>
      review([...pairStages(context), pairPooled(context)], { seed: context.seed }),
  },
  /** The weight of cls_KD for CIFAR-100; for ImageNet it is 7e-5. */
  mgd: {
    ...onFeatures,
    weights: { labels: 1, method: 1.2e-3 },
    createTerm: (context) => mgd(pairLastStages(context), { seed: context.seed }),
  },
  srrl: {
    ...onFeatures,
    weights: { labels: 1, method: 1 },
    createTerm: (context) =>
      srrl(pairPooled(context), teacherClassifier(context), { seed: context.seed }),
  },
  /** The student ends in a projector and the teacher's own classifier; labels have no part. */
  simKd: {
    ...onFeatures,
    weights: { labels: 0, method: 1 },
    wrapStudent: (context) => {
      const { student, teacher } = pairLastStages(context);
      return simKdStudent(context.student, {
        tap: student.name,
        classifier: teacherClassifier(context),
        pooling: context.head.pooling,
        pool: Math.max(1, Math.round(teacher.stride / student.stride)),
        seed: context.seed,
      });
    },
    createTerm: ({ teacher }) =>
      simKd({ student: 'projected', teacher: mapNames(teacher).at(-1) ?? '' }),
  },
  semCkd: {
    ...onFeatures,
    weights: { labels: 1, method: 400 },
    createTerm: (context) => {
      const pairs = pairStages(context);
      const features = {
        student: pairs.map(({ student }) => student),
        teacher: pairs.map(({ teacher }) => teacher),
      };
      return semCkd(features, { batchSize: context.batchSize, seed: context.seed });
    },
  },
  /**
   * Negatives are of other classes, as in the published results, and never rows that are not
   * trained on.
   */
  crd: {
    ...onFeatures,
    needsLabels: true,
    weights: { labels: 1, method: 0.8 },
    createTerm: (context) =>
      crd({
        ...pairPooled(context),
        datasetSize: context.labels.length,
        sampler: otherClassNegatives(context.labels),
        seed: context.seed,
      }),
  },
  infoNce: {
    ...onFeatures,
    weights: { labels: 1, method: 1 },
    createTerm: (context) =>
      infoNce({ ...pairPooled(context), embedding: 128, seed: context.seed }),
  },

  // On relations between examples, channels and layers, whatever the widths.
  attentionTransfer: {
    ...onRelations,
    weights: { labels: 1, method: 1000 },
    createTerm: (context) => attentionTransfer(pairStages(context)),
  },
  similarityPreserving: {
    ...onRelations,
    weights: { labels: 1, method: 3000 },
    createTerm: (context) => similarityPreserving(pairLastStages(context)),
  },
  rkd: {
    ...onRelations,
    weights: { labels: 1, method: 1 },
    createTerm: (context) => rkd(pairPooled(context)),
  },
  pkt: {
    ...onRelations,
    weights: { labels: 1, method: 30_000 },
    createTerm: (context) => pkt(pairPooled(context)),
  },
  nst: {
    ...onRelations,
    weights: { labels: 1, method: 50 },
    createTerm: (context) => nst(pairStages(context)),
  },
  /** The weight of the paper's form in AberHu's zoo; RepDistiller's 0.02 is that of its own. */
  correlationCongruence: {
    ...onRelations,
    weights: { labels: 1, method: 100 },
    createTerm: (context) => correlationCongruence(pairPooled(context), { kernel: {} }),
  },
  ickd: {
    ...onRelations,
    weights: { labels: 1, method: 2.5 },
    createTerm: (context) =>
      ickd(pairLastStages(context), { regressor: { batchNorm: true }, seed: context.seed }),
  },
  irg: {
    ...onRelations,
    weights: { labels: 1, method: 1 },
    createTerm: (context) =>
      irg({ maps: pairStages(context).slice(-2), embedding: pairPooled(context) }),
  },
  irgEdges: {
    ...onRelations,
    weights: { labels: 1, method: 0.005 },
    createTerm: (context) =>
      irgEdges({ layers: pairStages(context).slice(-2), embedding: pairPooled(context) }),
  },

  // Channel by channel: teacher and student need equal widths, as resnet56 and resnet20 have.
  fsp: {
    ...onRelations,
    weights: { labels: 1, method: 50 },
    createTerm: (context) => fsp(pairStages(context)),
  },
  cwd: {
    ...onRelations,
    temperature: 4,
    weights: { labels: 1, method: 50 },
    createTerm: (context) => cwd(pairLastStages(context), { temperature: context.temperature }),
  },
  pkd: {
    ...onRelations,
    weights: { labels: 1, method: 6 },
    createTerm: (context) => pkd(pairLastStages(context)),
  },
  kdSvd: {
    ...onRelations,
    weights: { labels: 1, method: 1 },
    createTerm: (context) => kdSvd(pairStages(context)),
  },

  // Strategies: which network teaches which.
  teacherAssistants: {
    ...onLogits,
    strategy: 'assistant',
    temperature: 4,
    weights: { labels: 0.1, method: 0.9 },
    createTerm: ({ temperature }) => softTargets({ temperature }),
  },
  bornAgain: {
    ...onLogits,
    strategy: 'generations',
    temperature: 1,
    weights: { labels: 1, method: 1 },
    createTerm: ({ temperature }) => softTargets({ temperature }),
  },
  /** Without the bound, both networks agreed on the uniform distribution (experiment smoke). */
  mutualLearning: {
    needs: 'nothing',
    strategy: 'peer',
    clipNorm: 1,
    temperature: 1,
    weights: { labels: 1, method: 1 },
    createTerm: ({ temperature }) => softTargets({ temperature }),
  },
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof methods;

/** A method with its temperature and weights. */
export interface Distillation {
  readonly method: MethodName;
  /** > 0; absent where the method has none. */
  readonly temperature?: number;
  readonly weights: ObjectiveWeights;
  /** Only with the strategy `assistant`: trained like the student, which it teaches. */
  readonly assistant?: ArchitectureName;
  /** Only with the strategy `generations`: number of students in a row; the last one counts. */
  readonly generations?: number;
}

/** The row of a method, with its optional fields readable. */
export function findMethod(name: MethodName): Method {
  return methods[name];
}

/**
 * Creates the objective of the distilled student: labels and the method's term, weighted.
 * @param classWeights Of the labels' term: [classes], > 0.
 */
export function createObjective(
  { method, temperature = 1, weights }: Pick<Distillation, 'method' | 'temperature' | 'weights'>,
  context: MethodContext,
  classWeights?: readonly number[],
): Objective {
  const { term = 'soft', linearWarmup, until, createTerm } = findMethod(method);
  const taught = weighted(
    scheduleWeight(weights.method, linearWarmup, until),
    createTerm({ ...context, temperature }),
  );
  // The names of the terms are part of the names of weights and of random streams.
  return combine(
    weights.labels === 0
      ? { [term]: taught }
      : { hard: weighted(weights.labels, labelTerm(classWeights)), [term]: taught },
  );
}

/**
 * Creates the term of the labels. @param classWeights [classes], > 0; all 1 where left out.
 */
export function labelTerm(classWeights?: readonly number[]): LossTerm {
  return crossEntropy(classWeights === undefined ? {} : { classWeights });
}

function scheduleWeight(
  weight: number,
  linearWarmup: number | undefined,
  until: number | undefined,
): number | Schedule {
  if (until !== undefined) return (progress) => (progress < until ? weight : 0);
  if (linearWarmup === undefined) return weight;
  const growing = linear({ from: 0, to: weight });
  return (progress) => growing(Math.min(1, progress / linearWarmup));
}

function teacherClassifier({
  teacher,
  head,
}: Pick<MethodContext, 'teacher' | 'head'>): ClassifierHead {
  return { ...classifierHead(teacher), scale: head.scale };
}
