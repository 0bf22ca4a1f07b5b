import path from 'node:path';
import { type BatchSource, type Network, type OpenProgress, type Store, unexpected } from '@kd/core';
import { folderStore } from '@kd/core/node';
import { batches, crop, flip } from '@kd/data';
import { loadWeights } from '@kd/trainer';
import { architecture } from '../architectures.ts';
import type { ResolvedTraining, RunConfig } from '../config.ts';
import type { Pictures } from '../pictures.ts';
import type { Ledger } from '../record/ledger.ts';
import { type Actor, stageName } from '../record/runRecord.ts';

/** What every stage works with. Stages hand each other nothing but files: one that is over need not run again. */
export interface Context {
  readonly directory: string;
  readonly ledger: Ledger;
  readonly pictures: Pictures;
  readonly openProgress: OpenProgress;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

const evaluationBatch = 250;

export function choiceOf({ teacher, student }: RunConfig, actor: Actor): ResolvedTraining {
  return actor === 'teacher' ? teacher : student;
}

/** A stage's own folder. */
export function storeOf({ directory }: Context, stage: string): Store {
  return folderStore(path.join(directory, stage));
}

/** A network as it is before training. Alone and distilled are the same network for the same seed. */
export function untrained({ ledger, pictures }: Context, actor: Actor, seed: number): Network {
  const { make } = architecture(choiceOf(ledger.record.config, actor).architecture);
  return make({ classes: pictures.train.classNames.length, seed });
}

/** A network with the weights of its best epoch on the held-out pictures. */
export async function trained(context: Context, actor: Actor, seed: number): Promise<Network> {
  const store = storeOf(context, stageName(actor, seed));
  const bytes = await store.read('best.safetensors');
  if (bytes === undefined) throw unexpected(store.place, 'best.safetensors', 'no such file', 'the run was altered; start a new one');
  const network = untrained(context, actor, seed);
  await loadWeights(network, bytes, `best.safetensors in ${store.place}`);
  return network;
}

/** What an actor learns from, under random views, in an order and under views that depend on the seed only. For the teacher no view comes twice. */
export function trainingBatches({ ledger, pictures }: Context, actor: Actor, seed: number): BatchSource {
  const { optimizer, views } = ledger.record.config;
  const transforms = [crop({ pad: views.pad, fill: 'reflect' }), ...(views.flip ? [flip()] : [])];
  const [set, viewCount] = actor === 'teacher' ? [pictures.train, Number.POSITIVE_INFINITY] : [pictures.lessons, views.count];
  return batches(set, { batchSize: optimizer.batchSize, seed, views: transforms, viewCount, dropLast: true });
}

/** Some pictures as they are. */
export function plainBatches({ pictures }: Context, which: 'held' | 'test'): BatchSource {
  return batches(pictures[which], { batchSize: evaluationBatch });
}
