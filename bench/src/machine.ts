import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

/**
 * Where and when a run took place, in one line. @param versions Of everything that computed. @param
 * load Of the machine before the run, over a minute.
 */
export function provenance(versions: Readonly<Record<string, string>>, load: number): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
  const machine = `${processor}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${type()} ${release()}${hugePages()}`;
  return `${new Date().toISOString().slice(0, 10)}; ${machine}; ${names.join(', ')}; load ${load.toFixed(1)} before the run`;
}

/** Processes that computed in the minute before: near 0 on a quiet machine. */
export function loadBefore(): number {
  return loadavg()[0] ?? 0;
}

/** Linux's transparent huge pages; nothing elsewhere. */
function hugePages(): string {
  if (process.platform !== 'linux') return '';
  const mode = /\[(\w+)\]/.exec(
    readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8'),
  )?.[1];
  return mode === undefined ? '' : `, huge pages ${mode}`;
}
