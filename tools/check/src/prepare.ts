import type { Outcome } from './process.ts';

/**
 * Finds the TensorFlow library, or fetches it with pip as `kd-engine install` does. Without it the
 * tests run on the engines that are here; they fail if `KD_REQUIRE_ENGINES` names `tensorflow`.
 */
export async function prepareEngines(): Promise<Outcome> {
  const [{ installTensorflow }, { createProgress }] = await Promise.all([
    import('@kd/engine'),
    import('@kd/core/node'),
  ]);
  const found = await installTensorflow({
    createProgress: createProgress(),
    log: (line) => console.log(`  ${line}`),
  });
  if ('directory' in found) return { ok: true, output: '' };
  const required = (process.env.KD_REQUIRE_ENGINES ?? '').split(',').includes('tensorflow');
  console.log(
    `  no tensorflow engine: ${found.reason}${required ? '' : '; its tests are skipped.'}`,
  );
  return { ok: !required, output: found.reason };
}

/** Finds CIFAR-10, which the root README's snippet reads, in the cache, or downloads it. */
export async function prepareImages(): Promise<Outcome> {
  const [{ loadCifar10 }, { createProgress }] = await Promise.all([
    import('@kd/data/node'),
    import('@kd/core/node'),
  ]);
  const { source } = await loadCifar10({
    createProgress: createProgress(),
    log: (line) => console.log(`  ${line}`),
  });
  return { ok: true, output: source };
}
