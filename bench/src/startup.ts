import { startBenchProcess } from './benchProcess.ts';
import type { Ready } from './protocol.ts';
import { median } from './rounds.ts';
import type { BenchOptions, Section } from './section.ts';
import { passFail } from './targets.ts';
import { ourVariant } from './variants.ts';

const TARGET_MS = 1_500;

/**
 * Measures what happens once: `startEngine`, and the first step of the tutorial's student, which is
 * traced. Each round is a new process.
 */
export async function startup({ rounds, log }: BenchOptions): Promise<Section> {
  const readies: Ready[] = [];
  const steps: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    log(`startup: process ${round}`);
    const { command } = ourVariant({ step: 'student-kd', batch: 64, size: 32 });
    const process = await startBenchProcess('ours', command);
    readies.push(process.ready);
    steps.push(median((await process.run(3)).ms));
    await process.close();
  }
  const startMs = median(readies.map(({ facts }) => facts.startMs ?? Number.NaN));
  const firstMs = median(readies.map(({ facts }) => facts.firstMs));
  const row = (variant: string, ms: number) => ({
    step: 'startup',
    variant,
    ms,
    imagesPerSecond: null,
    ratio: null,
  });
  return {
    name: 'startup',
    title: `What is done once, medians of ${rounds} new processes`,
    rows: [
      row('startEngine', startMs),
      row('first step', firstMs),
      row('a later step', median(steps)),
      row('trace: the first step less a later one', firstMs - median(steps)),
    ],
    remarks: [
      `startEngine: goal ≤ ${TARGET_MS} ms, ${startMs.toFixed(0)} ms, ${passFail(startMs <= TARGET_MS)}.`,
    ],
    versions: readies[0]?.versions ?? {},
  };
}
