import { homedir } from 'node:os';
import path from 'node:path';

/**
 * Returns the directory where downloads are cached: `KD_CACHE`, or `kd` in the platform's directory
 * for a user's caches (`$XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches` on macOS,
 * `%LOCALAPPDATA%` on Windows). It may not exist yet.
 */
export function cacheDirectory(): string {
  return cacheDirectoryFor(process.platform, process.env, homedir());
}

/** Returns the cache directory of any machine, as `cacheDirectory` does for this one. */
export function cacheDirectoryFor(
  platform: NodeJS.Platform,
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
): string {
  const { join, resolve, isAbsolute } = platform === 'win32' ? path.win32 : path.posix;
  const { KD_CACHE: own, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = environment;
  if (own) return resolve(own);
  if (platform === 'win32') return join(local || join(home, 'AppData', 'Local'), 'kd');
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'kd');
  // The XDG specification requires that a relative path be ignored.
  return join(xdg && isAbsolute(xdg) ? xdg : join(home, '.cache'), 'kd');
}
