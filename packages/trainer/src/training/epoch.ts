import { type Batch, ensure } from '@kd/core';
import { dispose } from '@tensorflow/tfjs-core';
import { breathe } from '../breathe.ts';
import { freeFeed, makeFeed } from './feed.ts';
import { TrainingInterruptedError } from './interrupted.ts';
import { type Run, rateOf, save } from './run.ts';
import { rehearse, sumNames, trainingStep } from './step.ts';
import { RunningSums, type SumsRead } from './sums.ts';

/** Between looks at the loss, and between turns of the event loop, in milliseconds. */
const LOOK = 500;
const BREATH = 30;

/**
 * The steps of the epoch under way that are still to do. @throws Interrupted when the signal stops
 * it, after saving.
 */
export async function runSteps(run: Run): Promise<SumsRead> {
  const { data: batches, onStep } = run.options;
  const { epoch } = run.position;
  const steps = batches.batchesPerEpoch;
  const look = lossReader(run);
  let breathed = performance.now();
  let since = breathed;
  await stopIfAsked(run);
  if (run.position.step < steps) {
    for await (const batch of batches.epoch(epoch, run.position.step)) {
      const learningRate = await oneStep(run, batch);
      const now = performance.now();
      run.seconds += (now - since) / 1000;
      since = now;
      const loss = await look(now);
      const { images, seconds, position } = run;
      const report = {
        epoch: epoch + 1,
        step: position.step,
        steps,
        images,
        imagesPerSecond: images / seconds,
        learningRate,
      };
      onStep?.(loss === undefined ? report : { ...report, loss });
      if (now - breathed > BREATH) {
        await breathe();
        breathed = performance.now();
      }
      await stopIfAsked(run);
    }
  }
  ensure(
    run.position.step === steps,
    'train',
    `${steps} batches in epoch ${epoch + 1} of ${batches.dataset.name}`,
    run.position.step,
  );
  const read = await sumsOf(run).read(run.images, epoch + 1);
  run.seconds += (performance.now() - since) / 1000;
  return read;
}

/** @returns The learning rate of the step. */
async function oneStep(run: Run, batch: Batch): Promise<number> {
  const { data: batches, epochs, objective, teacher, seed = 0, group, signal } = run.options;
  const { epoch, step } = run.position;
  const stepsBefore = epoch * batches.batchesPerEpoch + step;
  const progress = stepsBefore / (epochs * batches.batchesPerEpoch);
  const learningRate = rateOf(run, progress);
  ensure(
    Number.isFinite(learningRate) && learningRate >= 0,
    'train',
    'a learning rate ≥ 0',
    `${learningRate} at progress ${progress}`,
  );
  const numbers = Object.fromEntries(
    Object.entries(objective.schedules).map(([name, schedule]) => [name, schedule(progress)]),
  );
  const images = Math.min(batches.batchSize, batches.size - step * batches.batchSize);
  const shard =
    group === undefined
      ? {}
      : { shard: { rank: group.rank, size: group.size, images, wish: signal?.aborted === true } };
  const { needsIndices: needsRows } = objective;
  const feed = await makeFeed(batch, teacher, {
    numbers,
    learningRate,
    step: step + 1,
    seed,
    stepsBefore,
    needsRows,
    ...shard,
  });
  try {
    run.step ??= makeStep(run, rehearse(run.options, feed, batches.dataset.classNames.length));
    const { total, wishes } = await run.step(feed).catch((error) => brokenBefore(run, error));
    run.stops = wishes === undefined ? undefined : ((await wishes.data())[0] as number) > 0;
    dispose([total, wishes ?? []]);
  } finally {
    freeFeed(feed);
  }
  if (stepsBefore === 0) run.firstRows = Array.from(batch.indices.slice(0, 16));
  run.position = { epoch, step: step + 1 };
  run.images += group === undefined ? batch.indices.length : images;
  return learningRate;
}

/**
 * Where a loss broke, the process that looks first stops, and the others find it gone: they say why
 * too.
 */
async function brokenBefore(run: Run, error: unknown): Promise<never> {
  if (run.options.group !== undefined && run.images > 0)
    await sumsOf(run).read(run.images, run.position.epoch + 1);
  throw error;
}

/** Makes the step for terms of these names, and its sums unless the checkpoint had them. */
function makeStep(run: Run, terms: readonly string[]): NonNullable<Run['step']> {
  const { student, objective, clipNorm, group } = run.options;
  const names = sumNames(terms, clipNorm);
  run.sums ??= new RunningSums(names);
  const saved = run.sums.names.join(', ');
  ensure(
    saved === names.join(', '),
    'train',
    `the terms ${saved}, as in the checkpoint`,
    names.join(', '),
  );
  const { optimizer, trainable, average, sums } = run;
  return trainingStep({ student, objective, optimizer, trainable, average, sums, clipNorm, group });
}

/** Mean total over the steps since the look before, about twice a second. */
function lossReader(run: Run): (now: number) => Promise<number | undefined> {
  let looked = 0;
  let before = { images: 0, total: 0 };
  let loss: number | undefined;
  return async (now) => {
    if (now - looked < LOOK) return loss;
    looked = now;
    const { images, means } = await sumsOf(run).read(run.images, run.position.epoch + 1);
    const total = (means.total as number) * images;
    loss = (total - before.total) / (images - before.images);
    before = { images, total };
    return loss;
  };
}

/** In a group all stop after the step in which one of them wished to. */
async function stopIfAsked(run: Run): Promise<void> {
  const { signal, store, group } = run.options;
  if ((group === undefined ? signal?.aborted : run.stops) !== true) return;
  if (run.images > 0) await sumsOf(run).read(run.images, run.position.epoch + 1);
  await save(run);
  throw new TrainingInterruptedError(run.position, store?.location);
}

function sumsOf(run: Run): RunningSums {
  ensure(run.sums !== undefined, 'train', 'a step before its sums are read', 'none');
  return run.sums;
}
