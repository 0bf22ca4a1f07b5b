import { startContender } from './contender.ts';
import { verdict } from './goals.ts';
import type { Turn } from './protocol.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { median } from './statistics.ts';
import { ourVariant } from './variants.ts';

const THOUSANDS = 10;
const STEPS = 1_000;
const BATCH = 8;

/**
 * That the process may grow by between the first thousand steps, which warm it up, and the last.
 */
const GROWTH_MIB = 16;

/** Ten thousand tiny steps in one process: what grows would be a leak. */
export async function flat({ log }: BenchOptions): Promise<Section> {
  const contender = await startContender(
    'ours',
    ourVariant({ step: 'tiny', batch: BATCH, size: 8 }).command,
  );
  const turns: Turn[] = [];
  for (let thousand = 1; thousand <= THOUSANDS; thousand++) {
    turns.push(await contender.run(STEPS));
    log(`flat: ${thousand * STEPS} steps`);
  }
  await contender.close();
  return {
    name: 'flat',
    title: `${THOUSANDS * STEPS} tiny steps in one process`,
    rows: turns.map(rowOf),
    remarks: growth(turns),
    versions: contender.ready.versions,
  };
}

function rowOf({ ms, memory }: Turn, at: number): Row {
  const step = median(ms);
  return {
    step: 'flat',
    variant: `steps to ${(at + 1) * STEPS}`,
    ms: step,
    imagesPerSecond: (1000 * BATCH) / step,
    ratio: null,
    residentMiB: memory.nowBytes / 2 ** 20,
  };
}

/** From the first turn to the last, in words. */
export function growth(turns: readonly Pick<Turn, 'memory' | 'tensors'>[]): string[] {
  const [first, last] = [turns[0], turns.at(-1)];
  if (first === undefined || last === undefined) return [];
  const mib = (last.memory.nowBytes - first.memory.nowBytes) / 2 ** 20;
  const tensors = (last.tensors?.alive ?? 0) - (first.tensors?.alive ?? 0);
  const handles = (last.tensors?.handles ?? 0) - (first.tensors?.handles ?? 0);
  return [
    `Resident memory from the first turn to the last: goal ≤ ${GROWTH_MIB} MiB more, ${mib.toFixed(1)}, ${verdict(mib <= GROWTH_MIB)}.`,
    `Tensors: goal 0 more, ${tensors} (${last.tensors?.alive ?? 0} alive), ${verdict(tensors <= 0)}.`,
    `Handles of the engine: goal 0 more, ${handles} (${last.tensors?.handles ?? 0} alive), ${verdict(handles <= 0)}.`,
  ];
}
