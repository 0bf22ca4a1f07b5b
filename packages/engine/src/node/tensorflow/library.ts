/**
 * The two files that make libtensorflow, and the folders in which they may lie.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The version that `kd-engine install` brings unless another is asked for: the one that the tests
 * run on.
 */
export const libraryVersion = '2.21.0';

/** The library that exports the C API; it finds its own `libtensorflow_framework` beside it. */
export const libraryFile =
  process.platform === 'darwin' ? 'libtensorflow_cc.2.dylib' : 'libtensorflow_cc.so.2';
export const frameworkFile =
  process.platform === 'darwin'
    ? 'libtensorflow_framework.2.dylib'
    : 'libtensorflow_framework.so.2';

/** Why a folder does not do, or undefined where both libraries are in it. */
export function missingFrom(folder: string): string | undefined {
  if (!existsSync(folder)) return `there is no folder ${folder}`;
  const missing = [libraryFile, frameworkFile].filter((file) => !existsSync(join(folder, file)));
  return missing.length === 0 ? undefined : `${folder} holds no ${missing.join(' and no ')}`;
}

/**
 * The folder with the libraries: the one that is named, or `tensorflow` in it (then it is a
 * `site-packages`).
 */
export function librariesIn(
  folder: string,
): { readonly folder: string } | { readonly reason: string } {
  const missing = missingFrom(folder);
  if (missing === undefined) return { folder };
  const inside = join(folder, 'tensorflow');
  return missingFrom(inside) === undefined ? { folder: inside } : { reason: missing };
}
