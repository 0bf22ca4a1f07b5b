import { startContender } from './contender.ts';
import { verdict } from './goals.ts';
import { type Measured, takeTurns } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { pairedRatio } from './statistics.ts';
import { ourVariant } from './variants.ts';

/** How many times as fast as upstream's the input gradient wants to be. */
const GOAL = 20;

const layers = [
  { channels: 16, size: 32 },
  { channels: 64, size: 32 },
  { channels: 64, size: 8 },
] as const;

/** The input gradient on wasm beside the one of TensorFlow.js's own backend. */
export async function wasm(options: BenchOptions): Promise<Section> {
  const rows: Row[] = [];
  const remarks: string[] = [];
  let versions = {};
  for (const { channels, size } of layers) {
    const name = `${size}×${size}, ${channels} → ${channels}`;
    options.log(`wasm: ${name}`);
    const command = (step: string, engine: string) => {
      const { program, args, environment } = ourVariant({ step, batch: 64, size }).command;
      return { program, args, environment: { ...environment, KD_ENGINE: engine } };
    };
    const ours = await startContender(
      'ours',
      command(`input gradient of ${channels} channels`, 'wasm'),
    );
    const theirs = await startContender(
      'upstream',
      command(`upstream's input gradient of ${channels} channels`, 'upstream'),
    );
    const [mine, others] = (await takeTurns([ours, theirs], options)) as [Measured, Measured];
    await Promise.all([ours.close(), theirs.close()]);
    const { median: ratio, least, most } = pairedRatio(others.turns, mine.turns);
    const row = { step: 'wasm', imagesPerSecond: null };
    rows.push({ ...row, variant: `ours, ${name}`, ms: mine.ms, ratio: null });
    rows.push({
      ...row,
      variant: `upstream's, ${name}`,
      ms: others.ms,
      ratio,
      spread: [least, most],
    });
    remarks.push(
      `${name}: goal ≥ ${GOAL} times as fast, ${ratio.toFixed(1)}, ${verdict(ratio >= GOAL)}.`,
    );
    versions = { ...versions, ...theirs.ready.versions, ...ours.ready.versions };
  }
  return {
    name: 'wasm',
    title: 'The input gradient of a 3×3 convolution on wasm, 64 pictures',
    rows,
    remarks,
    versions,
  };
}
