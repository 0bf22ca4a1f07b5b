import { startContender } from './contender.ts';
import { takeTurns } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { ourVariant } from './variants.ts';

/** By their names in src/ours/prepare.ts: pictures in one pass. */
const passes = {
  'batches with crop and flip': 6_400,
  'student, training': 320,
  'student, distilling from a live teacher': 320,
  'student, evaluating': 320,
} as const;

/**
 * How many pictures a second the parts of a training deal with: `dataLoader`, `train` and
 * `evaluate` as a user calls them, 32×32, batches of 64.
 */
export async function parts(options: BenchOptions): Promise<Section> {
  const rows: Row[] = [];
  const versions: Record<string, string> = {};
  for (const [name, pictures] of Object.entries(passes)) {
    options.log(`parts: ${name}`);
    const contender = await startContender(
      name,
      ourVariant({ step: name, batch: pictures, size: 32 }).command,
    );
    const measured = await takeTurns([contender], options);
    await contender.close();
    Object.assign(versions, contender.ready.versions);
    rows.push(
      ...measured.map(({ ms }) => ({
        step: 'parts',
        variant: name,
        ms,
        imagesPerSecond: (1000 * pictures) / ms,
        ratio: null,
      })),
    );
  }
  return {
    name: 'parts',
    title: 'Parts of a training; ms of a whole pass',
    rows,
    remarks: [],
    versions,
  };
}
