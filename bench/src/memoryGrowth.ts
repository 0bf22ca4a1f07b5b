import { startBenchProcess } from './benchProcess.ts';
import type { Turn } from './protocol.ts';
import { median } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { passFail } from './targets.ts';
import { ourVariant } from './variants.ts';

const THOUSANDS = 10;
const STEPS = 1_000;
const BATCH = 8;

/**
 * Accepted growth of the process between the first thousand steps, which warm it up, and the last.
 */
const TARGET_MIB = 16;

/** Runs ten thousand tiny steps in one process: whatever grows is a leak. */
export async function memoryGrowth({ log }: BenchOptions): Promise<Section> {
  const { command } = ourVariant({ step: 'tiny', batch: BATCH, size: 8 });
  const process = await startBenchProcess('ours', command);
  const turns: Turn[] = [];
  for (let thousand = 1; thousand <= THOUSANDS; thousand++) {
    turns.push(await process.run(STEPS));
    log(`memory-growth: ${thousand * STEPS} steps`);
  }
  await process.close();
  return {
    name: 'memory-growth',
    title: `${THOUSANDS * STEPS} tiny steps in one process`,
    rows: turns.map(createRow),
    remarks: describeGrowth(turns),
    versions: process.ready.versions,
  };
}

function createRow({ ms, memory }: Turn, at: number): Row {
  const step = median(ms);
  return {
    step: 'memory-growth',
    variant: `steps to ${(at + 1) * STEPS}`,
    ms: step,
    imagesPerSecond: (1000 * BATCH) / step,
    ratio: null,
    residentMiB: memory.nowBytes / 2 ** 20,
  };
}

/** The growth from the first turn to the last, a sentence for each kind. */
export function describeGrowth(turns: readonly Pick<Turn, 'memory' | 'tensors'>[]): string[] {
  const [first, last] = [turns[0], turns.at(-1)];
  if (first === undefined || last === undefined) return [];
  const mib = (last.memory.nowBytes - first.memory.nowBytes) / 2 ** 20;
  const tensors = (last.tensors?.alive ?? 0) - (first.tensors?.alive ?? 0);
  const handles = (last.tensors?.handles ?? 0) - (first.tensors?.handles ?? 0);
  return [
    `Resident memory from the first turn to the last: goal ≤ ${TARGET_MIB} MiB more, ${mib.toFixed(1)}, ${passFail(mib <= TARGET_MIB)}.`,
    `Tensors: goal 0 more, ${tensors} (${last.tensors?.alive ?? 0} alive), ${passFail(tensors <= 0)}.`,
    `Handles of the engine: goal 0 more, ${handles} (${last.tensors?.handles ?? 0} alive), ${passFail(handles <= 0)}.`,
  ];
}
