import { type Network, triangular } from '@kd/core';
import { combine, crossEntropy } from '@kd/losses';
import { type EpochReport, sgd } from '@kd/trainer';
import { distill, type FollowOptions, type FollowResult, fit } from '@kd/trainer/node';
import { duration, percent } from '../format.ts';
import { methodOf } from '../methods/index.ts';
import { type Actor, stageName } from '../record/runRecord.ts';
import { type Context, choiceOf, plainBatches, storeOf, trainingBatches, untrained } from './context.ts';
import { lessonFor } from './lesson.ts';

/** Trains one of the three, or goes on where it was interrupted; nothing where it is trained already. */
export async function trainStage(context: Context, actor: Actor, seed: number): Promise<void> {
  const { ledger, log, signal } = context;
  const name = stageName(actor, seed);
  const before = ledger.record.trainings[name];
  const keep = (epochs: readonly EpochReport[], finished: boolean) =>
    ledger.training(name, { actor, seed, finished, seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0), epochs });
  if (before?.finished !== true) {
    const network = untrained(context, actor, seed);
    try {
      const options = { ...settings(context, actor, seed), onEpoch: (history: readonly EpochReport[]) => keep(history, false) };
      const { history, interrupted } =
        actor === 'distilled'
          ? await taught(context, network, seed, options)
          : await fit({ ...options, objective: combine({ labels: crossEntropy() }), network });
      await keep(history, interrupted === undefined);
    } finally {
      network.dispose();
    }
    signal.throwIfAborted();
  }
  const { epochs = [], seconds = 0 } = ledger.record.trainings[name] ?? {};
  const best = epochs.filter(({ isBest }) => isBest).at(-1);
  log(`held-out accuracy ${percent(best?.validation?.top1 ?? 0)} in epoch ${best?.epoch} of ${epochs.length}; trained for ${duration(seconds)}`);
}

function settings(context: Context, actor: Actor, seed: number): Omit<FollowOptions, 'objective'> {
  const { ledger, openProgress, signal } = context;
  const { config } = ledger.record;
  const { epochs, peakRate, clipNorm = actor === 'distilled' ? methodOf(config.distillation.method).clipNorm : undefined } = choiceOf(config, actor);
  const { momentum, weightDecay, rise } = config.optimizer;
  return {
    train: trainingBatches(context, actor, seed),
    validation: plainBatches(context, 'held'),
    optimizer: sgd({ momentum, nesterov: true, weightDecay }),
    learningRate: triangular({ peak: peakRate, rise }),
    epochs,
    clipNorm,
    seed,
    directory: storeOf(context, stageName(actor, seed)).place,
    resume: true,
    signal,
    label: actor,
    openProgress,
    log: () => {},
  };
}

async function taught(context: Context, student: Network, seed: number, options: Omit<FollowOptions, 'objective'>): Promise<FollowResult> {
  const { objective, teacher, end } = await lessonFor(context, student, seed);
  try {
    if (teacher === undefined) return await fit({ ...options, objective, network: student });
    return await distill({ ...options, objective, teacher, student, record: false });
  } finally {
    end();
  }
}
