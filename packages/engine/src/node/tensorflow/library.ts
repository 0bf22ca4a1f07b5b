/**
 * Where libtensorflow may lie: a folder named by the user, our cache, an installed Python's package.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The version that `kd-engine install` brings. */
export const libraryVersion = '2.21.0';

/** The library that exports the C API; it finds its own `libtensorflow_framework` beside it. */
export const libraryFile = process.platform === 'darwin' ? 'libtensorflow_cc.2.dylib' : 'libtensorflow_cc.so.2';
export const frameworkFile = process.platform === 'darwin' ? 'libtensorflow_framework.2.dylib' : 'libtensorflow_framework.so.2';

/** Why a folder does not do, or undefined where both libraries are in it. */
export function missingFrom(folder: string): string | undefined {
  if (!existsSync(folder)) return `there is no folder ${folder}`;
  const missing = [libraryFile, frameworkFile].filter((file) => !existsSync(join(folder, file)));
  return missing.length === 0 ? undefined : `${folder} holds no ${missing.join(' and no ')}`;
}
