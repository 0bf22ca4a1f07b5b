import { findMethod, type MethodName, methods } from '@kd/cli';
import { type BenchProcess, startBenchProcess } from './benchProcess.ts';
import { interleaveRounds, type Measurement, pairedRatio } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { passFail } from './targets.ts';
import { ourVariant } from './variants.ts';

const CACHED_BATCH = 64;

/** Target for the duration of a step, over that of the same step without a teacher. */
const CACHED_TARGET = 1.02;

/**
 * Measures what a cached teacher adds to a step: the lookup of its logits, and the loss that uses
 * them.
 */
export async function cachedTeacherCost(options: BenchOptions): Promise<Section> {
  const start = (step: string) =>
    startBenchProcess(step, ourVariant({ step, batch: CACHED_BATCH, size: 32 }).command);
  const [taught, alone] = [await start('cached teacher'), await start('without teacher')];
  const measured = await interleaveRounds([taught, alone], options);
  const [withTeacher, without] = measured as [Measurement, Measurement];
  await Promise.all([taught.close(), alone.close()]);
  const { median, min, max } = pairedRatio(without.turns, withTeacher.turns);
  const row = (variant: string, { ms }: Measurement) => ({
    step: 'cached-teacher',
    variant,
    ms,
    imagesPerSecond: (1000 * CACHED_BATCH) / ms,
    ratio: null,
  });
  return {
    name: 'cached-teacher',
    title: "A cached teacher: the tutorial's step with it and without",
    rows: [
      row('with a cached teacher', withTeacher),
      { ...row('without teacher', without), ratio: median, spread: [min, max] },
    ],
    remarks: [
      `Time with over time without: goal ≤ ${CACHED_TARGET}, ${(1 / median).toFixed(3)}, ${passFail(1 / median <= CACHED_TARGET)}.`,
    ],
    versions: taught.ready.versions,
  };
}

const BATCH = 128;

/** The method that all others are compared with. */
const PLAIN: MethodName = 'softTargets';

/**
 * Measures the step of each method against that of plain distillation: ResNet-20 from a ResNet-56
 * that is evaluated on every batch.
 */
export async function methodCosts(options: BenchOptions): Promise<Section> {
  const plain = await startMethod(PLAIN);
  const rows: Row[] = [];
  const remarks: string[] = [];
  for (const name of Object.keys(methods) as MethodName[]) {
    // The step of a strategy is that of soft targets; its cost is the number of its trainings.
    if (name === PLAIN || findMethod(name).strategy !== undefined) continue;
    options.log(`methods: ${name}`);
    const other = await startMethod(name).catch((error: Error) => error);
    if (other instanceof Error) {
      remarks.push(`Skipped: ${name}: ${other.message}`);
      continue;
    }
    const measured = await interleaveRounds([plain, other], options);
    const [base, mine] = measured as [Measurement, Measurement];
    await other.close();
    if (rows.length === 0) rows.push(createRow(PLAIN, plain, base, 1));
    rows.push(createRow(name, other, mine, pairedRatio(mine.turns, base.turns).median));
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

function startMethod(method: MethodName): Promise<BenchProcess> {
  const { command } = ourVariant({ step: `method ${method}`, batch: BATCH, size: 32 });
  return startBenchProcess(method, command);
}

function createRow(
  variant: string,
  { ready }: BenchProcess,
  { ms, peakBytes }: Measurement,
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
