import type { Outcome } from './process.ts';

/**
 * Makes the engines that the tests run on present: the TensorFlow library is found, or fetched with
 * pip as `kd-engine install` does.
 * Without it the tests still run, on the engines that are here; where `KD_REQUIRE_ENGINES` names
 * `tensorflow` they fail.
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
  if ('folder' in found) return { ok: true, output: '' };
  const required = (process.env.KD_REQUIRE_ENGINES ?? '').split(',').includes('tensorflow');
  console.log(
    `  no tensorflow engine: ${found.reason}${required ? '' : '; its tests are skipped.'}`,
  );
  return { ok: !required, output: found.reason };
}

/**
 * Makes CIFAR-10 present, which the root README's snippet reads: from the cache, or downloaded into
 * it.
 */
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
