import { readFileSync, writeFileSync } from 'node:fs';

const status = '/proc/self/status';
const references = '/proc/self/clear_refs';

/**
 * Resident bytes of this process, now and at most since `forgetPeak`. The peak is the present where
 * there is no /proc.
 */
export function processMemory(): { readonly nowBytes: number; readonly peakBytes: number } {
  if (process.platform !== 'linux')
    return { nowBytes: process.memoryUsage.rss(), peakBytes: process.memoryUsage.rss() };
  const text = readFileSync(status, 'utf8');
  const bytes = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { nowBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') };
}

/** What loading took at most does not count. @returns The resident bytes now. */
export function forgetPeak(): number {
  if (process.platform === 'linux') writeFileSync(references, '5');
  return processMemory().nowBytes;
}
