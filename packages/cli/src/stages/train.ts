import { triangular } from '@kd/core';
import { combine, crossEntropy } from '@kd/losses';
import { duration, percent } from '@kd/report';
import { adam, type EpochReport, sgd } from '@kd/trainer';
import { distill, fit, type TrainingOptions, type TrainingResult } from '@kd/trainer/node';
import type { OptimizerChoice } from '../config.ts';
import { methodOf } from '../methods/index.ts';
import type { Pupil } from '../record/pupils.ts';
import { type Context, plainBatches, storeOf, trainingBatches, untrained } from './context.ts';
import { headOnly } from './head.ts';
import { lessonFor } from './lesson.ts';
import { trainAsPrinted } from './printed.ts';

/** Trains a network, or goes on where it was interrupted; nothing where it is trained already. */
export async function trainStage(context: Context, pupil: Pupil): Promise<void> {
  const { ledger, log, signal } = context;
  const { name, actor, seed } = pupil;
  const keep = (epochs: readonly EpochReport[], finished: boolean) =>
    ledger.training(name, {
      actor,
      seed,
      finished,
      seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
      epochs,
    });
  const isDone = ledger.record.trainings[name]?.finished === true;
  if (!isDone && ledger.record.config.asPrinted === true) {
    await trainAsPrinted(context, pupil, (epochs) => keep(epochs, false));
    await keep(ledger.record.trainings[name]?.epochs ?? [], true);
  } else if (!isDone) {
    const options = {
      ...settings(context, pupil),
      onEpoch: (history: readonly EpochReport[]) => keep(history, false),
    };
    const { history, interrupted } =
      pupil.teacher === undefined
        ? await onLabels(context, pupil, options)
        : await taught(context, pupil, pupil.teacher, options);
    await keep(history, interrupted === undefined);
    signal.throwIfAborted();
  }
  const { epochs = [], seconds = 0 } = ledger.record.trainings[name] ?? {};
  const best = epochs.filter(({ isBest }) => isBest).at(-1);
  const judge = ledger.record.config.asPrinted === true ? 'test-set' : 'held-out';
  log(
    `${judge} accuracy ${percent(best?.validation?.top1 ?? 0)} in epoch ${best?.epoch} of ${epochs.length}; trained for ${duration(seconds)}`,
  );
}

function settings(context: Context, pupil: Pupil): Omit<TrainingOptions, 'objective'> {
  const { ledger, createProgress, signal } = context;
  const { config } = ledger.record;
  const { name, seed, teacher, choice } = pupil;
  const {
    epochs,
    peakRate,
    clipNorm = teacher && methodOf(config.distillation.method).clipNorm,
  } = choice;
  return {
    data: trainingBatches(context, pupil),
    validation: plainBatches(context, 'held'),
    ...movedBy(config.optimizer, peakRate),
    epochs,
    clipNorm,
    seed,
    directory: storeOf(context, name).location,
    resume: true,
    signal,
    label: pupil.actor,
    createProgress,
    log: () => {},
  };
}

function movedBy(
  optimizer: OptimizerChoice,
  peakRate: number,
): Pick<TrainingOptions, 'optimizer' | 'learningRate'> {
  if (optimizer.name === 'adam') return { optimizer: adam(), learningRate: peakRate };
  const { momentum, weightDecay, rise } = optimizer;
  return {
    optimizer: sgd({ momentum, nesterov: true, weightDecay }),
    learningRate: triangular({ peak: peakRate, rise }),
  };
}

async function onLabels(
  context: Context,
  pupil: Pupil,
  options: Omit<TrainingOptions, 'objective'>,
): Promise<TrainingResult> {
  if (pupil.choice.body !== undefined) return headOnly(context, pupil, pupil.choice.body, options);
  const network = untrained(context, pupil);
  try {
    return await fit({ ...options, objective: combine({ labels: crossEntropy() }), network });
  } finally {
    network.dispose();
  }
}

async function taught(
  context: Context,
  pupil: Pupil,
  from: Pupil,
  options: Omit<TrainingOptions, 'objective'>,
): Promise<TrainingResult> {
  const { student, objective, teacher, end } = await lessonFor(context, pupil, from);
  try {
    if (teacher === undefined) return await fit({ ...options, objective, network: student });
    return await distill({ ...options, objective, teacher, student, record: false });
  } finally {
    end();
  }
}
