import { fingerprint, type Network, type Objective, type Teacher, triangular } from '@kd/core';
import { formatElapsed, formatPercent } from '@kd/core/internal';
import { combine } from '@kd/losses';
import {
  adam,
  cachedTeacher,
  cacheOutputs,
  type EpochReport,
  mutualLearning,
  networkTeacher,
  sgd,
} from '@kd/trainer';
import { distill, fit, type TrainingOptions, type TrainingResult } from '@kd/trainer/node';
import { labelsByIndex } from '../experiment/dataset.ts';
import type { AdamTraining, SgdTraining } from '../experiment/defineExperiment.ts';
import type { MethodContext } from '../experiment/method.ts';
import { createObjective, findMethod, labelTerm } from '../experiment/methods.ts';
import { trainAsPublished } from './asPublished.ts';
import { teacherOnFeatures, trainHead } from './backboneFeatures.ts';
import {
  classWeightsOf,
  countViews,
  evaluationLoader,
  type StageContext,
  stageStore,
  trainingLoader,
} from './context.ts';
import { logitsStage, type TrainingJob } from './jobs.ts';
import {
  buildNetwork,
  buildStudent,
  headGeometry,
  keepWholeTeacher,
  loadTrained,
} from './networks.ts';

/** Trains a network, or goes on where that was interrupted; a trained one is left alone. */
export async function trainStage(context: StageContext, job: TrainingJob): Promise<void> {
  const { writer, log, signal } = context;
  const { name, role, seed } = job;
  const { asPublished = false } = writer.record.config;
  const record = (epochs: readonly EpochReport[], finished: boolean) =>
    writer.addTraining(name, {
      role,
      seed,
      finished,
      seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
      epochs,
    });
  const isDone = writer.record.trainings[name]?.finished === true;
  const { ownHead } = job.training;
  if (ownHead !== undefined) {
    if (!isDone) await keepWholeTeacher(context, job, ownHead);
    await record([], true);
    return;
  }
  if (!isDone && asPublished) {
    const epochs = await trainAsPublished(context, job, (soFar) => record(soFar, false));
    await record(epochs, true);
  } else if (!isDone) {
    const options = {
      ...trainingOptions(context, job),
      onEpoch: (history: readonly EpochReport[]) => record(history, false),
    };
    const { history, interrupted } =
      job.teacher === undefined
        ? await trainOnLabels(context, job, options)
        : await trainTaught(context, job, job.teacher, options);
    await record(history, interrupted === undefined);
    signal.throwIfAborted();
  }
  const { epochs = [], seconds = 0 } = writer.record.trainings[name] ?? {};
  const best = epochs.filter(({ isBest }) => isBest).at(-1);
  const split = asPublished ? 'test' : 'validation';
  log(
    `${split} accuracy ${formatPercent(best?.validation?.top1 ?? 0)} in epoch ${best?.epoch} of ${epochs.length}; trained for ${formatElapsed(seconds)}`,
  );
}

/**
 * Caches the logits of a job's teacher on every view that the job is trained on, unless they are
 * cached already.
 */
export async function cacheLogitsStage(
  context: StageContext,
  job: TrainingJob,
  from: TrainingJob,
): Promise<void> {
  const { writer, log, createProgress, signal } = context;
  const { seed } = job;
  const name = logitsStage(job);
  const started = performance.now();
  const network = await loadTrained(context, from);
  try {
    const views = countViews(context, job);
    const data = trainingLoader(context, job);
    const source =
      from.training.backbone === undefined
        ? { teacher: networkTeacher(network), data }
        : await teacherOnFeatures(context, network, job, data, views);
    const store = stageStore(context, name);
    const cache = await cacheOutputs({ ...source, store, views, createProgress, signal });
    const seconds = writer.record.caches[name]?.seconds ?? (performance.now() - started) / 1000;
    await writer.addCache(name, { outputs: 'logits', seed, views: cache.views.length, seconds });
    const mean = cache.accuracy.reduce((sum, one) => sum + one, 0) / cache.accuracy.length;
    log(
      `views: ${cache.views.length}; accuracy of the ${from.title} on the training images: ${formatPercent(mean)}`,
    );
  } finally {
    network.dispose();
  }
}

type StageTrainingOptions = Omit<TrainingOptions, 'objective'>;

function trainingOptions(context: StageContext, job: TrainingJob): StageTrainingOptions {
  const { writer, createProgress, signal } = context;
  const { optimizer, distillation } = writer.record.config;
  const { name, role, seed, teacher, training } = job;
  const {
    epochs,
    peakRate,
    clipNorm = teacher && findMethod(distillation.method).clipNorm,
  } = training;
  return {
    data: trainingLoader(context, job),
    validation: evaluationLoader(context, 'validation'),
    ...createOptimizer(optimizer, peakRate),
    epochs,
    clipNorm,
    seed,
    directory: stageStore(context, name).location,
    resume: true,
    signal,
    label: role,
    createProgress,
    log: () => {},
  };
}

function createOptimizer(
  optimizer: AdamTraining | SgdTraining,
  peakRate: number,
): Pick<TrainingOptions, 'optimizer' | 'learningRate'> {
  if (optimizer.name === 'adam') return { optimizer: adam(), learningRate: peakRate };
  const { momentum, weightDecay, rise } = optimizer;
  return {
    optimizer: sgd({ momentum, nesterov: true, weightDecay }),
    learningRate: triangular({ peak: peakRate, rise }),
  };
}

async function trainOnLabels(
  context: StageContext,
  job: TrainingJob,
  options: StageTrainingOptions,
): Promise<TrainingResult> {
  const { backbone } = job.training;
  const objective = combine({ labels: labelTerm(classWeightsOf(context, job)) });
  if (backbone !== undefined)
    return trainHead(context, job, backbone.weights, { ...options, objective });
  const network = buildNetwork(context, job);
  try {
    return await fit({ ...options, objective, network });
  } finally {
    network.dispose();
  }
}

async function trainTaught(
  context: StageContext,
  job: TrainingJob,
  from: TrainingJob,
  options: StageTrainingOptions,
): Promise<TrainingResult> {
  const { student, objective, teacher, dispose } = await setUpDistillation(context, job, from);
  try {
    if (teacher === undefined) return await fit({ ...options, objective, network: student });
    return await distill({ ...options, objective, teacher, student, cache: false });
  } finally {
    dispose();
  }
}

/** A student with its objective and its teacher, ready to be trained. */
interface DistillationSetup {
  /** The network that trains: with a projector or a peer where the method has them. */
  readonly student: Network;
  readonly objective: Objective;
  /** Undefined where the method needs none. */
  readonly teacher: Teacher | undefined;
  /** Frees the student, the teacher and the objective's weights. */
  dispose(): void;
}

async function setUpDistillation(
  context: StageContext,
  job: TrainingJob,
  from: TrainingJob,
): Promise<DistillationSetup> {
  const { writer, images } = context;
  const { distillation, optimizer } = writer.record.config;
  const network = await loadTrained(context, from);
  const { trained, kept, members } = buildStudent(context, job, network);
  const methodContext: MethodContext = {
    student: kept,
    teacher: network,
    head: headGeometry(from),
    labels: labelsByIndex(images.studentTrain),
    classes: images.train.classNames.length,
    batchSize: optimizer.batchSize,
    seed: job.seed,
  };
  const objective = createObjective(distillation, methodContext, classWeightsOf(context, job));
  return {
    student: trained,
    objective:
      members.length > 1
        ? mutualLearning(members, objective, { output: 'first' }).objective
        : objective,
    teacher: await createTeacher(context, network, job),
    dispose() {
      kept.dispose();
      network.dispose();
      for (const weight of Object.values(objective.weights)) weight.dispose();
    },
  };
}

/** Cached logits where they are enough; a forward pass per batch where features are needed. */
async function createTeacher(
  context: StageContext,
  network: Network,
  job: TrainingJob,
): Promise<Teacher | undefined> {
  const { needs } = findMethod(context.writer.record.config.distillation.method);
  switch (needs) {
    case 'logits':
      return cachedTeacher({
        store: stageStore(context, logitsStage(job)),
        data: trainingLoader(context, job),
        teacher: await fingerprint(network),
        views: countViews(context, job),
      });
    case 'features':
      return networkTeacher(network);
    case 'nothing':
      return undefined;
    default:
      return needs satisfies never;
  }
}
