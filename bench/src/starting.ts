import { startContender } from './contender.ts';
import { verdict } from './goals.ts';
import type { Ready } from './protocol.ts';
import type { BenchOptions, Section } from './section.ts';
import { median } from './statistics.ts';
import { ourVariant } from './variants.ts';

const GOAL_MS = 1_500;

/**
 * What is done once: `startEngine`, and the first step of the tutorial's student, which is traced.
 * A new process a round.
 */
export async function starting({ rounds, log }: BenchOptions): Promise<Section> {
  const readies: Ready[] = [];
  const steps: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    log(`start: process ${round}`);
    const contender = await startContender(
      'ours',
      ourVariant({ step: 'student-kd', batch: 64, size: 32 }).command,
    );
    readies.push(contender.ready);
    steps.push(median((await contender.run(3)).ms));
    await contender.close();
  }
  const startMs = median(readies.map(({ facts }) => facts.startMs ?? Number.NaN));
  const firstMs = median(readies.map(({ facts }) => facts.firstMs));
  const row = (variant: string, ms: number) => ({
    step: 'start',
    variant,
    ms,
    imagesPerSecond: null,
    ratio: null,
  });
  return {
    name: 'start',
    title: `What is done once, medians of ${rounds} new processes`,
    rows: [
      row('startEngine', startMs),
      row('first step', firstMs),
      row('a later step', median(steps)),
      row('trace: the first step less a later one', firstMs - median(steps)),
    ],
    remarks: [
      `startEngine: goal ≤ ${GOAL_MS} ms, ${startMs.toFixed(0)} ms, ${verdict(startMs <= GOAL_MS)}.`,
    ],
    versions: readies[0]?.versions ?? {},
  };
}
