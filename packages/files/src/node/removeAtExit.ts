import { rmSync } from 'node:fs';

const doomed = new Set<string>();

/**
 * Removes this file should the process exit before `keep` is called, as on a second Ctrl-C.
 * @returns `keep`.
 */
export function removeAtExit(file: string): () => void {
  if (doomed.size === 0) process.on('exit', removeAll);
  doomed.add(file);
  return () => {
    doomed.delete(file);
    if (doomed.size === 0) process.off('exit', removeAll);
  };
}

function removeAll(): void {
  for (const file of doomed) rmSync(file, { force: true });
}
