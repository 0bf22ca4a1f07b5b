import path from 'node:path';
import type { DataLoader, Network, ProgressFactory, Store } from '@kd/core';
import { dataLoader, randomCrop, randomHorizontalFlip } from '@kd/data';
import { directoryStore } from '@kd/files/node';
import type { Ledger } from '@kd/report/node';
import { architecture } from '../architectures.ts';
import type { RunConfig } from '../config.ts';
import type { Pictures } from '../pictures.ts';
import type { Pupil } from '../record/pupils.ts';

/**
 * What every stage works with. Stages hand each other nothing but files: one that is over need not
 * run again.
 */
export interface Context {
  readonly directory: string;
  readonly ledger: Ledger<RunConfig>;
  readonly pictures: Pictures;
  readonly createProgress: ProgressFactory;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

const evaluationBatch = 250;

/** A stage's own folder. */
export function storeOf({ directory }: Context, stage: string): Store {
  return directoryStore(path.join(directory, stage));
}

/**
 * A network as it is before training. Alone and distilled are the same network for the same seed.
 */
export function untrained({ pictures }: Context, { choice, seed }: Pupil): Network {
  const { size } = choice;
  return architecture(choice.architecture).make({
    classes: pictures.train.classNames.length,
    seed,
    ...(size !== undefined && { prepare: { size } }),
  });
}

/**
 * What a pupil learns from, under random views, in an order and under views that depend on the seed
 * only. For a teacher that trains here no view comes
 * twice; one from elsewhere looks at the views of its first student, once.
 */
export function trainingBatches(
  { ledger, pictures }: Context,
  { actor, seed, choice }: Pupil,
): DataLoader {
  const { optimizer, views } = ledger.record.config;
  const transforms = [
    ...(views.pad > 0 ? [randomCrop({ padding: views.pad, fill: 'reflect' })] : []),
    ...(views.flip ? [randomHorizontalFlip()] : []),
  ];
  const set = actor === 'teacher' ? pictures.train : pictures.lessons;
  const viewCount =
    actor === 'teacher' && choice.body === undefined && transforms.length > 0
      ? Number.POSITIVE_INFINITY
      : views.count;
  return dataLoader(set, {
    batchSize: optimizer.batchSize,
    seed,
    augmentations: transforms,
    viewCount,
    dropLast: true,
  });
}

/** Some pictures as they are. */
export function plainBatches({ pictures }: Context, which: 'held' | 'test'): DataLoader {
  return dataLoader(pictures[which], { batchSize: evaluationBatch });
}
