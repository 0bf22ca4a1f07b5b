import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type TransferListItem, Worker } from 'node:worker_threads';

/**
 * Starts a thread that runs a module: `.js` of a built package, or `.ts` of the sources by tsx.
 * @param module Its address: `new URL(`./thread.${threadEnding(import.meta.url)}`, import.meta.url)`.
 * @param transfer Buffers of `workerData` that are handed over instead of copied.
 */
export function startThread(
  module: URL,
  workerData: unknown,
  transfer: readonly TransferListItem[] = [],
): Worker {
  const transferList = [...transfer];
  if (!module.href.endsWith('.ts'))
    return new Worker(module, { workerData, transferList, execArgv: [] });
  // Threads of Node 20 do not take loaders over from `--import`.
  const resolved = createRequire(import.meta.url).resolve('tsx/esm/api');
  const tsx = pathToFileURL(resolved.replace(/cjs$/, 'mjs')).href;
  const start = `import('${tsx}').then(({ register }) => { register(); return import('${module}'); })`;
  const execArgv = ['--conditions=@kd/source'];
  return new Worker(start, { eval: true, workerData, transferList, execArgv });
}

/** Returns how modules end beside this one: `ts` in the sources, `js` in a built package. */
export function threadEnding(url: string): 'js' | 'ts' {
  return url.endsWith('.ts') ? 'ts' : 'js';
}
