import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ensure, type ProgressFactory } from '@kd/core';
import { ensureDirectory, findPip } from '@kd/files/node';
import {
  type Build,
  installationDirectory,
  installationsDirectory,
  installedVersions,
  isVersion,
  librariesDirectory,
  libraryVersion,
  matchesVersion,
  missingFiles,
  versionForm,
} from '../library/libraryFiles.ts';
import { locateLibrary } from '../library/locateLibrary.ts';
import { isGlibc } from '../library/processSettings.ts';
import { downloadWheels } from './downloadWheels.ts';
import { assertDiskSpace, createStagingDirectory, moveIntoPlace } from './stagingDirectory.ts';
import { unpackWheels } from './unpackWheels.ts';
import { findWheelPackage, wheelSizes } from './wheelPackages.ts';

export interface InstallOptions {
  /**
   * Install the CUDA build with NVIDIA's libraries, which computes on the CPU if there is no GPU.
   * Linux x64 only.
   */
  readonly gpu?: boolean | undefined;
  /**
   * `2.21.0`, or `2.21` for its newest release. Default: the installed version, else the one that
   * this package is tested with.
   */
  readonly version?: string | undefined;
  /** Creates the progress displays of download and unpacking. */
  readonly createProgress?: ProgressFactory | undefined;
  /** Called with one line before the download. */
  readonly log?: ((line: string) => void) | undefined;
  /** Stops the installation and removes its files. */
  readonly signal?: AbortSignal | undefined;
}

/** The directory that holds the libraries, or the reason why there is none. */
export type InstallResult = { readonly directory: string } | { readonly reason: string };

/**
 * Finds libtensorflow, or downloads it into the cache with pip. Takes milliseconds if it is
 * installed.
 * @throws RangeError if `version` is malformed.
 */
export async function installTensorflow(options: InstallOptions = {}): Promise<InstallResult> {
  const { gpu, version } = options;
  const isAnyVersion = !gpu && version === undefined;
  if (process.env.KD_LIBTENSORFLOW && !isAnyVersion)
    return {
      reason:
        'KD_LIBTENSORFLOW names a directory, which would be used whatever is installed; unset it first',
    };
  if (!isAnyVersion) return installTensorflowVersion(options);
  const found = locateLibrary();
  if ('directory' in found) return { directory: found.directory };
  if (process.env.KD_LIBTENSORFLOW) return found;
  return installTensorflowVersion({
    ...options,
    version: process.env.KD_TENSORFLOW_VERSION || undefined,
  });
}

/**
 * Installs one version of libtensorflow into the cache, completely or not at all. Does nothing if
 * it is installed.
 * @throws RangeError if `version` is malformed.
 */
export async function installTensorflowVersion(
  options: InstallOptions = {},
): Promise<InstallResult> {
  const { gpu = false, version, log, signal } = options;
  ensure(version === undefined || isVersion(version), 'installTensorflow', versionForm, version);
  const build = gpu ? 'CUDA' : 'CPU';
  const installed = installedVersions().find(
    (one) => one.build === build && matchesVersion(one.version, version ?? libraryVersion),
  );
  if (installed !== undefined) return { directory: installed.directory };
  const wheel = findWheelPackage(
    { platform: process.platform, architecture: process.arch, isGlibc: isGlibc() },
    build,
  );
  if ('reason' in wheel) return wheel;
  const pip = findPip();
  if (pip === undefined)
    return {
      reason:
        "no pip was found; install Python's pip (or uv) and try again, or point KD_LIBTENSORFLOW to a directory that has the libraries",
    };
  const requirement = `${wheel.name}==${pipVersion(version)}`;
  log?.(
    `${requirement} with ${pip.join(' ')}, into ${installationsDirectory()}; a download of about ${(wheelSizes[build].download / 1e9).toFixed(1)} GB`,
  );
  try {
    return await installWheels({ ...options, build, pip, requirement });
  } catch (error) {
    if (signal?.aborted)
      return {
        reason:
          'interrupted, and no file was left. Call it again to continue: pip has completed downloads in its own cache',
      };
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

interface InstallJob extends InstallOptions {
  readonly build: Build;
  readonly pip: readonly string[];
  readonly requirement: string;
}

async function installWheels({
  build,
  pip,
  requirement,
  createProgress,
  signal,
}: InstallJob): Promise<InstallResult> {
  const staging = await createStagingDirectory(installationsDirectory());
  try {
    await assertDiskSpace(
      installationsDirectory(),
      wheelSizes[build].download + wheelSizes[build].installed,
    );
    const wheels = await downloadWheels({
      pip,
      requirement,
      build,
      staging,
      createProgress,
      signal,
    });
    const complete = join(staging, 'installation');
    await ensureDirectory(complete);
    await unpackWheels(wheels, librariesDirectory(complete, build), { createProgress, signal });
    const target = installationDirectory(parseWheelVersion(wheels[0] as string), build);
    await moveIntoPlace(complete, target, {
      staging,
      isComplete: (directory) => missingFiles(librariesDirectory(directory, build)) === undefined,
    });
    return { directory: librariesDirectory(target, build) };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** pip's form of a version: `2.21` becomes `2.21.*`. */
function pipVersion(version: string = libraryVersion): string {
  return version.split('.').length === 2 ? `${version}.*` : version;
}

/** Parses `tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl` (PEP 427). */
function parseWheelVersion(wheel: string): string {
  const [, version = ''] = basename(wheel).split('-');
  ensure(
    /^\d+\.\d+\.\d+$/.test(version),
    'kd-engine install',
    'a wheel with its version in its name',
    basename(wheel),
  );
  return version;
}
