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
   * The CUDA build with NVIDIA's libraries, which computes on the CPU where there is no GPU. Linux
   * x64.
   */
  readonly gpu?: boolean | undefined;
  /**
   * `2.21.0`, or `2.21` for the newest of its releases. Without it: what is there, or the version
   * that this package is tested with.
   */
  readonly version?: string | undefined;
  /** Shows the download and the unpacking. */
  readonly createProgress?: ProgressFactory | undefined;
  /** Told in a line what is being done. */
  readonly log?: ((line: string) => void) | undefined;
  /** Stops the installation, which leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** The directory that holds the libraries, or why there is none. */
export type InstallResult = { readonly directory: string } | { readonly reason: string };

/**
 * Finds libtensorflow, or installs it into our cache with pip. Quick where it is there.
 * @throws RangeError where `version` is none.
 */
export async function installTensorflow(options: InstallOptions = {}): Promise<InstallResult> {
  const { gpu, version } = options;
  const isAnyGood = !gpu && version === undefined;
  if (process.env.KD_LIBTENSORFLOW && !isAnyGood)
    return {
      reason:
        'KD_LIBTENSORFLOW names a directory, which would be used whatever is installed; unset it first',
    };
  if (!isAnyGood) return installTensorflowVersion(options);
  const found = locateLibrary();
  if ('directory' in found) return { directory: found.directory };
  if (process.env.KD_LIBTENSORFLOW) return found;
  return installTensorflowVersion({
    ...options,
    version: process.env.KD_TENSORFLOW_VERSION || undefined,
  });
}

/**
 * Installs libtensorflow into our cache, whole or not at all; does nothing where it is there.
 * @throws RangeError where `version` is none.
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
    `${requirement} with ${pip.join(' ')}, into ${installationsDirectory()}; some ${(wheelSizes[build].download / 1e9).toFixed(1)} GB are loaded`,
  );
  try {
    return await installWheels({ ...options, build, pip, requirement });
  } catch (error) {
    if (signal?.aborted)
      return {
        reason:
          'interrupted; nothing was left behind. Call it again to go on: what pip had loaded whole, it takes from its own cache',
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
  const part = await createStagingDirectory(installationsDirectory());
  try {
    await assertDiskSpace(
      installationsDirectory(),
      wheelSizes[build].download + wheelSizes[build].installed,
    );
    const wheels = await downloadWheels({ pip, requirement, build, part, createProgress, signal });
    const whole = join(part, 'installation');
    await ensureDirectory(whole);
    await unpackWheels(wheels, librariesDirectory(whole, build), { createProgress, signal });
    const place = installationDirectory(parseWheelVersion(wheels[0] as string), build);
    await moveIntoPlace(whole, place, {
      part,
      isWhole: (directory) => missingFiles(librariesDirectory(directory, build)) === undefined,
    });
    return { directory: librariesDirectory(place, build) };
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

/** For pip: `2.21` is the newest `2.21.*`. */
function pipVersion(version: string = libraryVersion): string {
  return version.split('.').length === 2 ? `${version}.*` : version;
}

/** `tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl` (PEP 427). */
function parseWheelVersion(wheel: string): string {
  const [, version = ''] = basename(wheel).split('-');
  ensure(
    /^\d+\.\d+\.\d+$/.test(version),
    'kd-engine install',
    'a wheel whose name says its version',
    basename(wheel),
  );
  return version;
}
