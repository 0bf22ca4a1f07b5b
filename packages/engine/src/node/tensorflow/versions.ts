/**
 * Versions of libtensorflow: as the user writes them, and those that lie side by side in our cache.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from '@kd/files/node';
import { missingFrom } from './library.ts';

/**
 * For CPUs alone, or with kernels for NVIDIA's GPUs, which computes on the CPU where there is none.
 */
export type Build = 'CPU' | 'CUDA';

export interface Installed {
  /** `2.21.0`. */
  readonly version: string;
  readonly build: Build;
  /** It holds the libraries. */
  readonly folder: string;
}

/** What the user may write: `2.21` for the newest `2.21.*`, or all three numbers. */
export const versionForm = 'a version such as 2.21 or 2.21.0';

export function isVersion(text: string): boolean {
  return /^\d+\.\d+(\.\d+)?$/.test(text);
}

/** Whether `2.21.0` is what `2.21` or `2.21.0` asks for. */
export function isVersionOf(version: string, asked: string): boolean {
  return version === asked || version.startsWith(`${asked}.`);
}

/** Where our installations lie: `2.21.0`, and `2.21.0-cuda` with NVIDIA's libraries. */
export function installationsFolder(): string {
  return join(cacheDirectory(), 'libtensorflow');
}

/**
 * The folder of one installation; the CUDA build's is laid out as a `site-packages`, for its
 * libraries look for NVIDIA's beside `tensorflow`.
 */
export function installationFolder(version: string, build: Build): string {
  return join(installationsFolder(), build === 'CUDA' ? `${version}-cuda` : version);
}

/** The folder in an installation that holds the libraries. */
export function librariesFolder(installation: string, build: Build): string {
  return build === 'CUDA' ? join(installation, 'tensorflow') : installation;
}

/** Our installations that are whole: newest first, and of one version the CUDA build first. */
export function installedVersions(): readonly Installed[] {
  if (!existsSync(installationsFolder())) return [];
  return readdirSync(installationsFolder())
    .flatMap((name) => installedAs(name) ?? [])
    .filter(({ folder }) => missingFrom(folder) === undefined)
    .sort(newestFirst);
}

function installedAs(name: string): Installed | undefined {
  const [, version, cuda] = /^(\d+\.\d+\.\d+)(-cuda)?$/.exec(name) ?? [];
  if (version === undefined) return undefined;
  const build = cuda === undefined ? 'CPU' : 'CUDA';
  return { version, build, folder: librariesFolder(installationFolder(version, build), build) };
}

function newestFirst(one: Installed, other: Installed): number {
  const byVersion = other.version.localeCompare(one.version, 'en', { numeric: true });
  return byVersion === 0 ? other.build.localeCompare(one.build) : byVersion;
}
