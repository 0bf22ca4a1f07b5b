import { startBenchProcess } from './benchProcess.ts';
import { interleaveRounds } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { ourVariant } from './variants.ts';

/** Images of one pass, by the names of src/ours/workloads.ts. */
const passes = {
  'batches with crop and flip': 6_400,
  'student, training': 320,
  'student, distilling from a live teacher': 320,
  'student, evaluating': 320,
} as const;

/**
 * Measures the images per second of the parts of a training: `dataLoader`, `train` and `evaluate`
 * as a user calls them, 32×32, batches of 64.
 */
export async function throughput(options: BenchOptions): Promise<Section> {
  const rows: Row[] = [];
  const versions: Record<string, string> = {};
  for (const [name, images] of Object.entries(passes)) {
    options.log(`throughput: ${name}`);
    const { command } = ourVariant({ step: name, batch: images, size: 32 });
    const process = await startBenchProcess(name, command);
    const measured = await interleaveRounds([process], options);
    await process.close();
    Object.assign(versions, process.ready.versions);
    rows.push(
      ...measured.map(({ ms }) => ({
        step: 'throughput',
        variant: name,
        ms,
        imagesPerSecond: (1000 * images) / ms,
        ratio: null,
      })),
    );
  }
  return {
    name: 'throughput',
    title: 'Parts of a training; ms of a whole pass',
    rows,
    remarks: [],
    versions,
  };
}
