import { startContender } from './contender.ts';
import { verdict } from './goals.ts';
import { takeTurns } from './rounds.ts';
import type { BenchOptions, Section } from './section.ts';
import { pairedRatio } from './statistics.ts';
import { ourVariant } from './variants.ts';

const BATCH = 64;

/** Of the time of the same step without a teacher. */
const GOAL = 1.02;

/**
 * What a recorded teacher adds to a step: looking up its logits, and the loss that reads them. Ours
 * beside ours.
 */
export async function cachedTeacher(options: BenchOptions): Promise<Section> {
  const start = (step: string) =>
    startContender(step, ourVariant({ step, batch: BATCH, size: 32 }).command);
  const [taught, alone] = [await start('cached'), await start('without teacher')];
  const [withTeacher, without] = await takeTurns([taught, alone], options);
  await taught.close();
  await alone.close();
  if (withTeacher === undefined || without === undefined)
    return { ...empty, remarks: [], versions: {} };
  const { median, least, most } = pairedRatio(without.turns, withTeacher.turns);
  const row = { step: 'cached', imagesPerSecond: null, ratio: null };
  return {
    ...empty,
    rows: [
      {
        ...row,
        variant: 'with a recorded teacher',
        ms: withTeacher.ms,
        imagesPerSecond: (1000 * BATCH) / withTeacher.ms,
      },
      {
        ...row,
        variant: 'without teacher',
        ms: without.ms,
        imagesPerSecond: (1000 * BATCH) / without.ms,
        ratio: median,
        spread: [least, most],
      },
    ],
    remarks: [
      `Time with over time without: goal ≤ ${GOAL}, ${(1 / median).toFixed(3)}, ${verdict(1 / median <= GOAL)}.`,
    ],
    versions: taught.ready.versions,
  };
}

const empty = {
  name: 'cached',
  title: "A recorded teacher: the tutorial's step with it and without",
  rows: [],
};
