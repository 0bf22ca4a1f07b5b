import { rmSync } from 'node:fs';

const temporary = new Set<string>();

/**
 * Removes a file or a directory if the process exits, as on a second Ctrl-C.
 * @returns Function that keeps it after all.
 */
export function removeAtExit(file: string): () => void {
  if (temporary.size === 0) process.on('exit', removeAll);
  temporary.add(file);
  return () => {
    temporary.delete(file);
    if (temporary.size === 0) process.off('exit', removeAll);
  };
}

function removeAll(): void {
  for (const file of temporary) rmSync(file, { recursive: true, force: true });
}
