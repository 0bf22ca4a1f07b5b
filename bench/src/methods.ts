import { type MethodName, methodOf, methods } from '@kd/cli';
import { type Contender, startContender } from './contender.ts';
import { type Measured, takeTurns } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { pairedRatio } from './statistics.ts';
import { ourVariant } from './variants.ts';

const BATCH = 128;

/** That all are held against. */
const PLAIN: MethodName = 'soft-targets';

/**
 * What each method's step costs over plain distillation: ResNet-20 from a ResNet-56 that looks at
 * every batch.
 */
export async function methodCosts(options: BenchOptions): Promise<Section> {
  const plain = await start(PLAIN);
  const rows: Row[] = [];
  const remarks: string[] = [];
  for (const name of Object.keys(methods) as MethodName[]) {
    // A scheme's step is that of soft targets; what it costs is how many trainings it takes.
    if (name === PLAIN || methodOf(name).company !== undefined) continue;
    options.log(`methods: ${name}`);
    const other = await start(name).catch((error: Error) => error);
    if (other instanceof Error) {
      remarks.push(`Skipped: ${name}: ${other.message}`);
      continue;
    }
    const [base, mine] = (await takeTurns([plain, other], options)) as [Measured, Measured];
    await other.close();
    if (rows.length === 0) rows.push(rowOf(PLAIN, plain, base, 1));
    rows.push(rowOf(name, other, mine, pairedRatio(mine.turns, base.turns).median));
  }
  await plain.close();
  return {
    name: 'methods',
    title: `A step of each method: ResNet-20 from a live ResNet-56, 32×32, batch ${BATCH}`,
    rows,
    remarks,
    versions: plain.ready.versions,
  };
}

function start(method: MethodName): Promise<Contender> {
  return startContender(
    method,
    ourVariant({ step: `method ${method}`, batch: BATCH, size: 32 }).command,
  );
}

function rowOf(
  variant: string,
  { ready }: Contender,
  { ms, peakBytes }: Measured,
  overPlain: number,
): Row {
  const { loadedBytes, firstMs } = ready.facts;
  return {
    step: 'methods',
    variant,
    ms,
    imagesPerSecond: (1000 * BATCH) / ms,
    ratio: null,
    overPlain,
    peakMiB: (peakBytes - loadedBytes) / 2 ** 20,
    firstMs,
  };
}
