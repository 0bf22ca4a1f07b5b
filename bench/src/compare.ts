import { type Contender, startContender } from './contender.ts';
import { goalRemarks } from './goals.ts';
import { type Measured, takeTurns } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { median, pairedRatio } from './statistics.ts';
import type { ComparedStep } from './steps.ts';
import { ourOtherVariants, ourVariant, torchVariants, type Variant } from './variants.ts';

/** Ours beside one variant after the other: two warm processes at a time, of which one runs. */
export async function compare(step: ComparedStep, options: BenchOptions): Promise<Section> {
  const { python, variants = '', ceiling, log } = options;
  const asked = { step: step.step, batch: step.batch, size: step.size };
  const ours = await start(ourVariant(asked));
  const others = [
    ...ourOtherVariants(asked),
    ...(python === undefined ? [] : torchVariants(python, asked, step.forms)),
  ];
  const duels: Duel[] = [];
  const skipped: string[] = [];
  for (const variant of others.filter(({ name }) => name.includes(variants))) {
    log(`${step.step}: ${variant.name}`);
    try {
      duels.push(await duel(ours, variant, options));
    } catch (error) {
      if (!(error instanceof Absent)) throw error;
      skipped.push(`Skipped: ${error.message}`);
    }
  }
  const mine = whole(
    duels.length > 0 ? duels.map(({ mine }) => mine) : await takeTurns([ours], options),
  );
  await ours.close();
  const rows = duels.map(({ other, mine, theirs }) => {
    const { median: ratio, least, most } = pairedRatio(theirs.turns, mine.turns);
    return {
      ...rowOf(step, ours, other, theirs, ceiling),
      ratio,
      spread: [least, most],
    } satisfies Row;
  });
  return {
    name: step.step,
    title: step.title,
    rows: [rowOf(step, ours, ours, mine, ceiling), ...rows],
    remarks: [...goalRemarks(step, mine.ms, rows), ...skipped],
    versions: Object.assign(
      {},
      ours.ready.versions,
      ...duels.map(({ other }) => other.ready.versions),
    ),
  };
}

/** Ours and another, measured in turns. */
interface Duel {
  readonly other: Contender;
  readonly mine: Measured;
  readonly theirs: Measured;
}

/** A variant that this machine does not have. */
class Absent extends Error {}

/** @throws Absent where the other does not start. */
async function duel(ours: Contender, variant: Variant, options: BenchOptions): Promise<Duel> {
  const other = await start(variant).catch((cause: Error) => {
    throw new Absent(cause.message, { cause });
  });
  const [mine, theirs] = (await takeTurns([ours, other], options)) as [Measured, Measured];
  await other.close();
  return { other, mine, theirs };
}

function start({ name, command }: Variant): Promise<Contender> {
  return startContender(name, command);
}

/** All turns of one contender. */
function whole(all: readonly Measured[]): Measured {
  const turns = all.flatMap((measured) => measured.turns);
  return {
    turns,
    ms: median(turns),
    peakBytes: Math.max(...all.map(({ peakBytes }) => peakBytes)),
  };
}

function rowOf(
  { step, batch, hasImages }: ComparedStep,
  ours: Contender,
  { name, ready }: Contender,
  { ms, peakBytes }: Measured,
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
