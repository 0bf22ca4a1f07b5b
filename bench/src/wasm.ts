import { startBenchProcess } from './benchProcess.ts';
import { interleaveRounds, type Measurement, pairedRatio } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { passFail } from './targets.ts';
import { ourVariant } from './variants.ts';

/** Target for the speed over that of TensorFlow.js's own kernel. */
const TARGET = 20;

const layers = [
  { channels: 16, size: 32 },
  { channels: 64, size: 32 },
  { channels: 64, size: 8 },
] as const;

/** Measures the input gradient on wasm beside the one of TensorFlow.js's own backend. */
export async function wasm(options: BenchOptions): Promise<Section> {
  const rows: Row[] = [];
  const remarks: string[] = [];
  let versions = {};
  for (const { channels, size } of layers) {
    const name = `${size}×${size}, ${channels} → ${channels}`;
    options.log(`wasm: ${name}`);
    const start = (step: string, engine: string) => {
      const { command } = ourVariant({ step, batch: 64, size });
      return startBenchProcess(engine, { ...command, env: { ...command.env, KD_ENGINE: engine } });
    };
    const ours = await start(`input gradient of ${channels} channels`, 'wasm');
    const upstream = await start(`upstream's input gradient of ${channels} channels`, 'upstream');
    const measured = await interleaveRounds([ours, upstream], options);
    const [mine, theirs] = measured as [Measurement, Measurement];
    await Promise.all([ours.close(), upstream.close()]);
    const { median: ratio, min, max } = pairedRatio(theirs.turns, mine.turns);
    const row = { step: 'wasm', imagesPerSecond: null };
    rows.push(
      { ...row, variant: `ours, ${name}`, ms: mine.ms, ratio: null },
      { ...row, variant: `upstream's, ${name}`, ms: theirs.ms, ratio, spread: [min, max] },
    );
    remarks.push(
      `${name}: goal ≥ ${TARGET} times as fast, ${ratio.toFixed(1)}, ${passFail(ratio >= TARGET)}.`,
    );
    versions = { ...versions, ...upstream.ready.versions, ...ours.ready.versions };
  }
  return {
    name: 'wasm',
    title: 'The input gradient of a 3×3 convolution on wasm, 64 images',
    rows,
    remarks,
    versions,
  };
}
