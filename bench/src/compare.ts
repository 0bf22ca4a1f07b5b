import { type BenchProcess, startBenchProcess } from './benchProcess.ts';
import { interleaveRounds, type Measurement, median, pairedRatio } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { type ComparedStep, compareWithTargets } from './targets.ts';
import { ourOtherVariants, ourVariant, torchVariants, type Variant } from './variants.ts';

/** Measures ours beside one variant after the other: two warm processes, of which one runs. */
export async function compare(step: ComparedStep, options: BenchOptions): Promise<Section> {
  const { python, variants = '', ceiling, log } = options;
  const stepOptions = { step: step.step, batch: step.batch, size: step.size };
  const ours = await start(ourVariant(stepOptions));
  const others = [
    ...ourOtherVariants(stepOptions),
    ...(python === undefined ? [] : torchVariants(python, stepOptions, step.group)),
  ];
  const pairs: MeasuredPair[] = [];
  const skipped: string[] = [];
  for (const variant of others.filter(({ name }) => name.includes(variants))) {
    log(`${step.step}: ${variant.name}`);
    try {
      pairs.push(await measurePair(ours, variant, options));
    } catch (error) {
      if (!(error instanceof AbsentVariantError)) throw error;
      skipped.push(`Skipped: ${error.message}`);
    }
  }
  const mine = joinMeasurements(
    pairs.length > 0 ? pairs.map(({ mine }) => mine) : await interleaveRounds([ours], options),
  );
  await ours.close();
  const rows = pairs.map(({ other, mine, theirs }) => {
    const { median: ratio, min, max } = pairedRatio(theirs.turns, mine.turns);
    return {
      ...createRow(step, ours, other, theirs, ceiling),
      ratio,
      spread: [min, max],
    } satisfies Row;
  });
  return {
    name: step.step,
    title: step.title,
    rows: [createRow(step, ours, ours, mine, ceiling), ...rows],
    remarks: [...compareWithTargets(step, mine.ms, rows), ...skipped],
    versions: Object.assign(
      {},
      ours.ready.versions,
      ...pairs.map(({ other }) => other.ready.versions),
    ),
  };
}

/** Ours and another, measured in turn. */
interface MeasuredPair {
  readonly other: BenchProcess;
  readonly mine: Measurement;
  readonly theirs: Measurement;
}

/** A variant that this machine does not have. */
class AbsentVariantError extends Error {}

/** @throws AbsentVariantError if the other does not start. */
async function measurePair(
  ours: BenchProcess,
  variant: Variant,
  options: BenchOptions,
): Promise<MeasuredPair> {
  const other = await start(variant).catch((cause: Error) => {
    throw new AbsentVariantError(cause.message, { cause });
  });
  const measured = await interleaveRounds([ours, other], options);
  const [mine, theirs] = measured as [Measurement, Measurement];
  await other.close();
  return { other, mine, theirs };
}

function start({ name, command }: Variant): Promise<BenchProcess> {
  return startBenchProcess(name, command);
}

/** All turns of one process as one measurement. */
function joinMeasurements(all: readonly Measurement[]): Measurement {
  const turns = all.flatMap((measured) => measured.turns);
  return {
    turns,
    ms: median(turns),
    peakBytes: Math.max(...all.map(({ peakBytes }) => peakBytes)),
  };
}

function createRow(
  { step, batch, hasImages }: ComparedStep,
  ours: BenchProcess,
  { name, ready }: BenchProcess,
  { ms, peakBytes }: Measurement,
  ceiling?: number,
): Row {
  const { flops } = ours.ready.facts;
  const gigaflops = flops === undefined ? undefined : flops / ms / 1e6;
  const { loadedBytes, firstMs } = ready.facts;
  return {
    step,
    variant: name,
    ms,
    imagesPerSecond: hasImages ? (1000 * batch) / ms : null,
    ratio: null,
    peakMiB: (peakBytes - loadedBytes) / 2 ** 20,
    firstMs,
    ...(gigaflops !== undefined && {
      gigaflops,
      ...(ceiling !== undefined && { ceilingShare: gigaflops / ceiling }),
    }),
  };
}
