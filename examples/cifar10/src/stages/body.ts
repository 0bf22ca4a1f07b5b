import { type BatchSource, identityOf, type Network, type Teacher } from '@kd/core';
import { loadWeights, split } from '@kd/models';
import { readWeights } from '@kd/models/node';
import { recordFeatures, replayFeatures } from '@kd/trainer';
import { packageWeights } from '../config.ts';
import { efficientNetLite0Weights } from '../pretrained/efficientNetLite0Weights.ts';
import { featuresStage } from '../record/features.ts';
import type { Pupil } from '../record/pupils.ts';
import { type Context, storeOf, untrained } from './context.ts';

/** A network whose body comes from elsewhere, with a new head. */
export async function withBody(context: Context, pupil: Pupil, weights: string): Promise<Network> {
  const { openProgress, signal, log } = context;
  const file = weights === packageWeights ? await efficientNetLite0Weights({ openProgress, signal, log }) : weights;
  const network = untrained(context, pupil);
  try {
    const { loaded, scheme } = loadWeights(network, await readWeights(file, { openProgress, signal }), { head: 'new' });
    log(`${loaded.length} weights of ${file} (names: ${scheme})`);
  } catch (error) {
    network.dispose();
    throw error;
  }
  return network;
}

/** What a network's body says of some pictures, looked up where it is recorded, as batches for its head. @param name Of the recording. */
export async function seenByBody(context: Context, network: Network, batches: BatchSource, name: string, views: number): Promise<BatchSource> {
  const { openProgress, signal } = context;
  const { body } = split(network);
  const store = storeOf(context, name);
  await recordFeatures({ body, batches, store, views, openProgress, signal });
  return replayFeatures({ body, batches, store, views });
}

/** A network as a teacher that is asked what its head makes of its body's recorded features: what it would say of the pictures themselves. */
export async function throughBody(
  context: Context,
  network: Network,
  pupil: Pupil,
  batches: BatchSource,
  views: number,
): Promise<{ readonly teacher: Teacher; readonly batches: BatchSource }> {
  const { head } = split(network);
  const seen = await seenByBody(context, network, batches, featuresStage(pupil.seed), views);
  const teacher: Teacher = Object.assign(({ images }: { images: Parameters<Network['forward']>[0] }) => head.forward(images, { training: false }), {
    identity: () => identityOf(network),
  });
  return { teacher, batches: { ...seen, data: batches.data } };
}
