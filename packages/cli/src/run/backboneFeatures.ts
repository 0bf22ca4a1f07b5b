import path from 'node:path';
import { type DataLoader, fingerprint, type Network, type Teacher } from '@kd/core';
import { splitBackbone } from '@kd/models';
import { adam, cachedBatches, cacheOutputs, saveVariables } from '@kd/trainer';
import { fit, type TrainingOptions, type TrainingResult } from '@kd/trainer/node';
import {
  countViews,
  evaluationLoader,
  type StageContext,
  stageStore,
  trainingLoader,
} from './context.ts';
import { featuresStage, type TrainingJob } from './jobs.ts';
import { buildPretrained } from './networks.ts';

/**
 * Trains a new head on the features of a frozen pretrained backbone, which are computed once for
 * every view of every image. The whole network is kept.
 */
export async function trainHead(
  context: StageContext,
  job: TrainingJob,
  weights: string,
  options: TrainingOptions,
): Promise<TrainingResult> {
  const network = await buildPretrained(context, job, weights);
  try {
    const data = await cacheTrainingFeatures(context, job, network);
    const validation = await cacheBackboneFeatures(
      context,
      network,
      evaluationLoader(context, 'validation'),
      'features-validation',
      1,
    );
    const result = await fit({
      ...options,
      network: splitBackbone(network).head,
      data,
      validation,
      optimizer: adam(),
      learningRate: job.training.peakRate,
      directory: path.join(options.directory, 'head'),
    });
    if (result.interrupted === undefined)
      await stageStore(context, job.name).write('best.safetensors', await saveVariables(network));
    return result;
  } finally {
    network.dispose();
  }
}

/**
 * Creates a teacher that computes its head on cached features of its backbone, with batches that
 * hold these features. Its outputs are those of the whole network on the images.
 */
export async function teacherOnFeatures(
  context: StageContext,
  network: Network,
  job: TrainingJob,
  batches: DataLoader,
  views: number,
): Promise<{ readonly teacher: Teacher; readonly data: DataLoader }> {
  const { head } = splitBackbone(network);
  const name = featuresStage(job.seed);
  const features = await cacheBackboneFeatures(context, network, batches, name, views);
  const teacher: Teacher = Object.assign(
    ({ images }: { images: Parameters<Network['forward']>[0] }) =>
      head.forward(images, { training: false }),
    { fingerprint: () => fingerprint(network) },
  );
  return { teacher, data: { ...features, dataset: batches.dataset } };
}

/** Caches the features of all views of the training images, and records how long it took. */
async function cacheTrainingFeatures(
  context: StageContext,
  job: TrainingJob,
  network: Network,
): Promise<DataLoader> {
  const { writer } = context;
  const { seed } = job;
  const name = featuresStage(seed);
  const views = countViews(context, job);
  const started = performance.now();
  const loader = trainingLoader(context, job);
  const features = await cacheBackboneFeatures(context, network, loader, name, views);
  const seconds = writer.record.caches[name]?.seconds ?? (performance.now() - started) / 1000;
  await writer.addCache(name, { outputs: 'features', seed, views, seconds });
  return features;
}

/**
 * Caches what a network's backbone makes of some images, unless that is done.
 * @param name Directory of the cache.
 * @returns Batches of features for the network's head.
 */
async function cacheBackboneFeatures(
  context: StageContext,
  network: Network,
  data: DataLoader,
  name: string,
  views: number,
): Promise<DataLoader> {
  const { createProgress, signal } = context;
  const { backbone } = splitBackbone(network);
  const store = stageStore(context, name);
  await cacheOutputs({ backbone, data, store, views, createProgress, signal });
  return cachedBatches({ backbone, data, store, views });
}
