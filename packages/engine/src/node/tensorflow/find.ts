/**
 * Where libtensorflow lies: a folder that the user names, our cache, an installed Python's package.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '@kd/core/node';
import { libraryVersion, missingFrom } from './library.ts';
import { pythonTensorflow } from './python.ts';

export type Found = { readonly folder: string; readonly from: 'KD_LIBTENSORFLOW' | 'cache' | 'Python' };

/** Where `kd-engine install` puts it. */
export function installFolder(version: string = libraryVersion): string {
  return join(cacheFolder(), 'libtensorflow', version);
}

/** Looks in all three places, in this order. A folder that the user named and that does not do is an answer too: nothing else is looked for. */
export function findTensorflow(): Found | { readonly reason: string } {
  const named = process.env.KD_LIBTENSORFLOW;
  if (named) {
    const missing = missingFrom(named);
    return missing === undefined ? { folder: named, from: 'KD_LIBTENSORFLOW' } : { reason: `KD_LIBTENSORFLOW names it, but ${missing}` };
  }
  const installed = installFolder();
  if (existsSync(installed)) {
    const missing = missingFrom(installed);
    return missing === undefined ? { folder: installed, from: 'cache' } : { reason: missing };
  }
  const python = pythonTensorflow();
  if (python !== undefined) return { folder: python, from: 'Python' };
  return { reason: `libtensorflow was not found: KD_LIBTENSORFLOW is not set, there is no ${installed}, no Python here has tensorflow` };
}
