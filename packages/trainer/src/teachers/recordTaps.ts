import { type Batch, expectedError, type Outputs } from '@kd/core';
import { dispose, type Tensor } from '@tensorflow/tfjs-core';
import { tensorOf } from '../recordings/layout.ts';
import type { Part } from '../recordings/part.ts';
import { recordParts } from '../recordings/recordParts.ts';
import { ask } from './ask.ts';
import { accuraciesOf, expectClasses, type OutputCacheKey, type Recorded } from './manifest.ts';
import type { CacheOutputsOptions } from './recordTeacher.ts';

/** Records logits and taps part by part; the logits come back as a whole. */
export async function recordedWithTaps(
  {
    teacher,
    data: batches,
    store,
    createProgress,
    signal,
    dtype,
    file,
    taps,
  }: CacheOutputsOptions & { readonly file: string; readonly taps: readonly string[] },
  wanted: OutputCacheKey,
): Promise<Recorded> {
  const { rows: count, classes, views } = wanted;
  const logits = new Float32Array(views.length * count * classes);
  const kept = dtype === 'float16' ? ('F16' as const) : ('F32' as const);
  const { layout, rows, labels } = await recordParts({
    where: 'cacheOutputs',
    store,
    file,
    batches,
    wanted,
    dtypes: { logits: 'F32', ...Object.fromEntries(taps.map((tap) => [tensorOf(tap), kept])) },
    ask: async (batch: Batch) => {
      const outputs = await ask(teacher, batch);
      expectClasses(outputs, batch, classes);
      return tensorsOf(outputs, taps);
    },
    onPart: (view: number, from: number, { tensors }: Part) =>
      logits.set(tensors.logits as Float32Array, (view * count + from) * classes),
    createProgress,
    signal,
  });
  return {
    manifest: { ...wanted, accuracy: accuraciesOf({ logits, rows }, classes, labels), layout },
    logits,
    rows,
  };
}

/** The logits and the taps by the names that they have in the files; the rest is freed. */
function tensorsOf({ logits, features }: Outputs, taps: readonly string[]): Record<string, Tensor> {
  const missing = taps.find((tap) => features[tap] === undefined);
  const rest = Object.entries(features).filter(
    ([name]) => missing !== undefined || !taps.includes(name),
  );
  dispose(rest.map(([, feature]) => feature));
  if (missing !== undefined) {
    logits.dispose();
    throw expectedError(
      'cacheOutputs',
      `taps among ${Object.keys(features).join(', ') || 'none'}`,
      missing,
    );
  }
  return {
    logits,
    ...Object.fromEntries(taps.map((tap) => [tensorOf(tap), features[tap] as Tensor])),
  };
}
