import { ensure, type Schedule, type Shard, toSchedule } from '@kd/core';
import { getGradient } from '@tensorflow/tfjs-core';
import type { Settings } from '../checkpoints/checkpoint.ts';
import type { TrainOptions } from './types.ts';

/** Throws at the door on options that make no sense. */
export function expectSensible(options: TrainOptions): void {
  ensure(
    getGradient('Add') !== undefined,
    'train',
    'gradients',
    'none',
    'startEngine() of @kd/engine registers them',
  );
  const {
    objective,
    teacher,
    epochs,
    clipNorm,
    patience,
    data: batches,
    validation,
    resume,
    store,
    seed = 0,
  } = options;
  ensure(
    Number.isInteger(epochs) && epochs >= 1,
    'train',
    'epochs to be a whole number ≥ 1',
    epochs,
  );
  ensure(clipNorm === undefined || clipNorm > 0, 'train', 'clipNorm > 0', clipNorm, '1 is usual');
  ensure(
    patience === undefined || (Number.isInteger(patience) && patience >= 1),
    'train',
    'patience to be a whole number ≥ 1',
    patience,
  );
  ensure(Number.isSafeInteger(seed) && seed >= 0, 'train', 'seed to be a whole number ≥ 0', seed);
  const remedy = 'pass teacher: frozen(network), or an objective without its terms';
  ensure(
    !objective.needsTeacher || teacher !== undefined,
    'train',
    'a teacher, which the objective needs',
    'nothing',
    remedy,
  );
  ensure(
    batches.batchesPerEpoch >= 1,
    'train',
    `at least one batch of ${batches.dataset.name}`,
    batches.batchesPerEpoch,
    'use a smaller batchSize',
  );
  const [classes, others] = [
    batches.dataset.classNames.length,
    validation?.dataset.classNames.length,
  ];
  ensure(
    others === undefined || others === classes,
    'train',
    `validation with ${classes} classes, as in training`,
    others,
  );
  expectShards(options);
  const alone =
    'train in one process, or take a term that remembers nothing: infoNce in place of crd';
  ensure(
    options.group === undefined || objective.needsIndices !== true,
    'train',
    'an objective without a memory of pictures in a group',
    'one',
    alone,
  );
  ensure(
    resume !== true || store !== undefined,
    'train',
    'a store to resume from',
    'nothing',
    'pass store: directoryStore(directory)',
  );
}

function expectShards({ data: batches, validation, group }: TrainOptions): void {
  const remedy = 'pass shard: engine.group to batches, and group: engine.group to train';
  const wanted = nameOf(group);
  ensure(
    nameOf(batches.shard) === wanted,
    'train',
    `batches that are ${wanted}`,
    nameOf(batches.shard),
    remedy,
  );
  if (validation?.shard !== undefined)
    ensure(
      nameOf(validation.shard) === wanted,
      'train',
      `a validation that is ${wanted}`,
      nameOf(validation.shard),
      remedy,
    );
  if (group === undefined) return;
  const last = batches.size - (batches.batchesPerEpoch - 1) * batches.batchSize;
  const smallest = Math.min(batches.batchSize, last);
  ensure(
    smallest >= group.size,
    'train',
    `a picture for each of ${group.size} processes in every batch`,
    smallest,
    'dropLast leaves out a smaller last batch',
  );
}

function nameOf(shard: Shard | undefined): string {
  return shard === undefined ? 'whole' : `shard ${shard.rank} of ${shard.size}`;
}

/**
 * Everything of the options that a resumed training must share with the one it goes on with.
 * Schedules are known by nine of their values.
 */
export async function settingsOf(options: TrainOptions): Promise<Settings> {
  const {
    student,
    objective,
    data: batches,
    teacher,
    optimizer,
    learningRate,
    learningRateFactor,
    epochs,
    clipNorm,
    ema: averageDecay,
    validation,
    bestBy = 'accuracy',
    seed = 0,
    config = {},
  } = options;
  const view = batches.view(0);
  return {
    epochs,
    batchSize: batches.batchSize,
    batchesPerEpoch: batches.batchesPerEpoch,
    rows: batches.size,
    data: await batches.dataset.fingerprint(),
    viewCount: String(batches.viewCount),
    'view.spec': view.spec,
    'view.seed': view.seed,
    validation:
      validation === undefined ? null : [await validation.dataset.fingerprint(), validation.size],
    student: [student.name ?? 'network', student.preprocessing ?? ''],
    teacher: teacher === undefined ? null : ((await teacher.fingerprint?.()) ?? 'unnamed'),
    optimizer: optimizer.config ?? 'unnamed',
    learningRate: samples(toSchedule(learningRate)),
    ...(learningRateFactor === undefined ? {} : { learningRateFactor: true }),
    ...Object.fromEntries(
      Object.entries(objective.schedules).map(([name, schedule]) => [
        `objective.${name}`,
        samples(schedule),
      ]),
    ),
    clipNorm: clipNorm ?? null,
    averageDecay: averageDecay ?? null,
    bestBy,
    seed,
    ...Object.fromEntries(Object.entries(config).map(([name, value]) => [`config.${name}`, value])),
  };
}

function samples(schedule: Schedule): number[] {
  return Array.from({ length: 9 }, (_, at) => schedule(at / 8));
}
