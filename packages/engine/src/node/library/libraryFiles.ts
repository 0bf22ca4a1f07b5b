import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from '@kd/files/node';

/** The files of libtensorflow, and the installations of it in the cache. */

/** The version that `kd-engine install` installs by default, and that the tests run on. */
export const libraryVersion = '2.21.0';

/**
 * The library that exports the C API; it loads `libtensorflow_framework` from its own directory.
 */
export const libraryFile =
  process.platform === 'darwin' ? 'libtensorflow_cc.2.dylib' : 'libtensorflow_cc.so.2';
export const frameworkFile =
  process.platform === 'darwin'
    ? 'libtensorflow_framework.2.dylib'
    : 'libtensorflow_framework.so.2';

/** The reason why a directory is unusable, or undefined if it has both libraries. */
export function missingFiles(directory: string): string | undefined {
  if (!existsSync(directory)) return `there is no directory ${directory}`;
  const missing = [libraryFile, frameworkFile].filter((file) => !existsSync(join(directory, file)));
  return missing.length === 0 ? undefined : `${directory} holds no ${missing.join(' and no ')}`;
}

/**
 * The directory with the libraries: the given one, or `tensorflow` in it (if it is a
 * `site-packages`).
 */
export function librariesIn(
  directory: string,
): { readonly directory: string } | { readonly reason: string } {
  const missing = missingFiles(directory);
  if (missing === undefined) return { directory };
  const inside = join(directory, 'tensorflow');
  return missingFiles(inside) === undefined ? { directory: inside } : { reason: missing };
}

/**
 * Built for CPUs only, or with kernels for NVIDIA's GPUs, which computes on the CPU if there is
 * none.
 */
export type Build = 'CPU' | 'CUDA';

export interface Installed {
  /** `2.21.0`. */
  readonly version: string;
  readonly build: Build;
  /** The directory with the libraries. */
  readonly directory: string;
}

/** The form of a version in messages: `2.21` for the newest `2.21.*`, or all three numbers. */
export const versionForm = 'a version such as 2.21 or 2.21.0';

export function isVersion(text: string): boolean {
  return /^\d+\.\d+(\.\d+)?$/.test(text);
}

/** Whether `2.21.0` matches a request for `2.21` or `2.21.0`. */
export function matchesVersion(version: string, requested: string): boolean {
  return version === requested || version.startsWith(`${requested}.`);
}

/** The directory of all installations: `2.21.0`, and `2.21.0-cuda` with NVIDIA's libraries. */
export function installationsDirectory(): string {
  return join(cacheDirectory(), 'libtensorflow');
}

/**
 * The directory of one installation. The CUDA build has the layout of a `site-packages`, since its
 * libraries look for NVIDIA's beside `tensorflow`.
 */
export function installationDirectory(version: string, build: Build): string {
  return join(installationsDirectory(), build === 'CUDA' ? `${version}-cuda` : version);
}

/** The directory of an installation that holds the libraries. */
export function librariesDirectory(installation: string, build: Build): string {
  return build === 'CUDA' ? join(installation, 'tensorflow') : installation;
}

/** The complete installations: newest first, and of one version the CUDA build first. */
export function installedVersions(): readonly Installed[] {
  if (!existsSync(installationsDirectory())) return [];
  return readdirSync(installationsDirectory())
    .flatMap((name) => parseInstallation(name) ?? [])
    .filter(({ directory }) => missingFiles(directory) === undefined)
    .sort(newestFirst);
}

function parseInstallation(name: string): Installed | undefined {
  const [, version, cuda] = /^(\d+\.\d+\.\d+)(-cuda)?$/.exec(name) ?? [];
  if (version === undefined) return undefined;
  const build = cuda === undefined ? 'CPU' : 'CUDA';
  return {
    version,
    build,
    directory: librariesDirectory(installationDirectory(version, build), build),
  };
}

function newestFirst(one: Installed, other: Installed): number {
  const byVersion = other.version.localeCompare(one.version, 'en', { numeric: true });
  return byVersion === 0 ? other.build.localeCompare(one.build) : byVersion;
}
