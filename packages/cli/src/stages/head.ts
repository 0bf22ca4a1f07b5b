import path from 'node:path';
import type { DataLoader, Network } from '@kd/core';
import { combine, crossEntropy } from '@kd/losses';
import { splitBackbone } from '@kd/models';
import { featuresStage } from '@kd/report';
import { adam, saveVariables } from '@kd/trainer';
import { fit, type TrainingOptions, type TrainingResult } from '@kd/trainer/node';
import type { ResolvedTraining } from '../config.ts';
import type { Pupil } from '../record/pupils.ts';
import { seenByBody, withBody } from './body.ts';
import { type Context, plainBatches, storeOf, trainingBatches } from './context.ts';
import { viewsOf } from './record.ts';

/**
 * Trains a new head on what a frozen body says of every view of every picture, once; then the whole
 * network is kept.
 */
export async function headOnly(
  context: Context,
  pupil: Pupil,
  { weights }: NonNullable<ResolvedTraining['body']>,
  options: Omit<TrainingOptions, 'objective'>,
): Promise<TrainingResult> {
  const network = await withBody(context, pupil, weights);
  try {
    const views = viewsOf(context, pupil);
    const train = await seenInTime(context, pupil, network, views);
    const validation = await seenByBody(
      context,
      network,
      plainBatches(context, 'held'),
      'features-held',
      1,
    );
    const result = await fit({
      ...options,
      network: splitBackbone(network).head,
      data: train,
      validation,
      objective: combine({ labels: crossEntropy() }),
      optimizer: adam(),
      learningRate: pupil.choice.peakRate,
      directory: path.join(options.directory, 'head'),
    });
    if (result.interrupted === undefined)
      await storeOf(context, pupil.name).write('best.safetensors', await saveVariables(network));
    return result;
  } finally {
    network.dispose();
  }
}

/** What the body says of every view, and in the ledger how long it took to look at them. */
async function seenInTime(
  context: Context,
  pupil: Pupil,
  network: Network,
  views: number,
): Promise<DataLoader> {
  const { ledger } = context;
  const { seed } = pupil;
  const name = featuresStage(seed);
  const started = performance.now();
  const seen = await seenByBody(context, network, trainingBatches(context, pupil), name, views);
  const seconds = ledger.record.recordings[name]?.seconds ?? (performance.now() - started) / 1000;
  await ledger.recording(name, { seed, views, seconds });
  return seen;
}
