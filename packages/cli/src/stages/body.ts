import { type DataLoader, fingerprint, type Network, type Teacher } from '@kd/core';
import { loadWeights, splitBackbone } from '@kd/models';
import { readWeights } from '@kd/models/node';
import { featuresStage } from '@kd/report';
import { cachedBatches, cacheFeatures } from '@kd/trainer';
import { packageWeights } from '../config.ts';
import { efficientNetLite0Weights } from '../pretrained/efficientNetLite0Weights.ts';
import type { Pupil } from '../record/pupils.ts';
import { type Context, storeOf, untrained } from './context.ts';

/** A network whose body comes from elsewhere, with a new head. */
export async function withBody(context: Context, pupil: Pupil, weights: string): Promise<Network> {
  const { createProgress, signal, log } = context;
  const file =
    weights === packageWeights
      ? await efficientNetLite0Weights({ createProgress, signal, log })
      : weights;
  const network = untrained(context, pupil);
  try {
    const { loaded, keyMap: scheme } = loadWeights(
      network,
      await readWeights(file, { createProgress, signal }),
      { head: 'new' },
    );
    log(`${loaded.length} weights of ${file} (names: ${scheme})`);
  } catch (error) {
    network.dispose();
    throw error;
  }
  return network;
}

/**
 * What a network's body says of some pictures, looked up where it is recorded, as batches for its
 * head. @param name Of the recording.
 */
export async function seenByBody(
  context: Context,
  network: Network,
  batches: DataLoader,
  name: string,
  views: number,
): Promise<DataLoader> {
  const { createProgress, signal } = context;
  const { backbone: body } = splitBackbone(network);
  const store = storeOf(context, name);
  await cacheFeatures({ backbone: body, data: batches, store, views, createProgress, signal });
  return cachedBatches({ backbone: body, data: batches, store, views });
}

/**
 * A network as a teacher that is asked what its head makes of its body's recorded features: what it
 * would say of the pictures themselves.
 */
export async function throughBody(
  context: Context,
  network: Network,
  pupil: Pupil,
  batches: DataLoader,
  views: number,
): Promise<{ readonly teacher: Teacher; readonly data: DataLoader }> {
  const { head } = splitBackbone(network);
  const seen = await seenByBody(context, network, batches, featuresStage(pupil.seed), views);
  const teacher: Teacher = Object.assign(
    ({ images }: { images: Parameters<Network['forward']>[0] }) =>
      head.forward(images, { training: false }),
    {
      identity: () => fingerprint(network),
    },
  );
  return { teacher, data: { ...seen, dataset: batches.dataset } };
}
