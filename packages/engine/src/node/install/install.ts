import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ensure, type ProgressFactory } from '@kd/core';
import { ensureDirectory, findPip } from '@kd/files/node';
import { isGlibc } from '../tensorflow/environment.ts';
import { findTensorflow } from '../tensorflow/find.ts';
import { libraryVersion, missingFrom } from '../tensorflow/library.ts';
import {
  type Build,
  installationFolder,
  installationsFolder,
  installedVersions,
  isVersion,
  isVersionOf,
  librariesFolder,
  versionForm,
} from '../tensorflow/versions.ts';
import { sizes, wheelPackage } from './builds.ts';
import { downloadWheels } from './download.ts';
import { expectRoom, makePart, putInPlace } from './part.ts';
import { unpackWheels } from './unpack.ts';

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

/** The folder that holds the libraries, or why there is none. */
export type Ensured = { readonly folder: string } | { readonly reason: string };

/**
 * Finds libtensorflow, or installs it into our cache with pip. Quick where it is there.
 * @throws RangeError where `version` is none.
 */
export async function installTensorflow(options: InstallOptions = {}): Promise<Ensured> {
  const { gpu, version } = options;
  const isAnyGood = !gpu && version === undefined;
  if (process.env.KD_LIBTENSORFLOW && !isAnyGood)
    return {
      reason:
        'KD_LIBTENSORFLOW names a folder, which would be used whatever is installed; unset it first',
    };
  if (!isAnyGood) return installVersion(options);
  const found = findTensorflow();
  if ('folder' in found) return { folder: found.folder };
  if (process.env.KD_LIBTENSORFLOW) return found;
  return installVersion({ ...options, version: process.env.KD_TENSORFLOW_VERSION || undefined });
}

/**
 * Installs libtensorflow into our cache, whole or not at all; does nothing where it is there.
 * @throws RangeError where `version` is none.
 */
export async function installVersion(options: InstallOptions = {}): Promise<Ensured> {
  const { gpu = false, version, log, signal } = options;
  ensure(version === undefined || isVersion(version), 'installTensorflow', versionForm, version);
  const build = gpu ? 'CUDA' : 'CPU';
  const installed = installedVersions().find(
    (one) => one.build === build && isVersionOf(one.version, version ?? libraryVersion),
  );
  if (installed !== undefined) return { folder: installed.folder };
  const wheel = wheelPackage(
    { platform: process.platform, architecture: process.arch, isGlibc: isGlibc() },
    build,
  );
  if ('reason' in wheel) return wheel;
  const pip = findPip();
  if (pip === undefined)
    return {
      reason:
        "no pip was found; install Python's pip (or uv) and try again, or point KD_LIBTENSORFLOW to a folder that has the libraries",
    };
  const requirement = `${wheel.name}==${requested(version)}`;
  log?.(
    `${requirement} with ${pip.join(' ')}, into ${installationsFolder()}; some ${(sizes[build].download / 1e9).toFixed(1)} GB are loaded`,
  );
  try {
    return await install({ ...options, build, pip, requirement });
  } catch (error) {
    if (signal?.aborted)
      return {
        reason:
          'interrupted; nothing was left behind. Call it again to go on: what pip had loaded whole, it takes from its own cache',
      };
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

interface Work extends InstallOptions {
  readonly build: Build;
  readonly pip: readonly string[];
  readonly requirement: string;
}

async function install({
  build,
  pip,
  requirement,
  createProgress,
  signal,
}: Work): Promise<Ensured> {
  const part = await makePart(installationsFolder());
  try {
    await expectRoom(installationsFolder(), sizes[build].download + sizes[build].installed);
    const wheels = await downloadWheels({ pip, requirement, build, part, createProgress, signal });
    const whole = join(part, 'installation');
    await ensureDirectory(whole);
    await unpackWheels(wheels, librariesFolder(whole, build), { createProgress, signal });
    const place = installationFolder(versionOf(wheels[0] as string), build);
    await putInPlace(whole, place, {
      part,
      isWhole: (folder) => missingFrom(librariesFolder(folder, build)) === undefined,
    });
    return { folder: librariesFolder(place, build) };
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

/** For pip: `2.21` is the newest `2.21.*`. */
function requested(version: string = libraryVersion): string {
  return version.split('.').length === 2 ? `${version}.*` : version;
}

/** `tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl` (PEP 427). */
function versionOf(wheel: string): string {
  const [, version = ''] = basename(wheel).split('-');
  ensure(
    /^\d+\.\d+\.\d+$/.test(version),
    'kd-engine install',
    'a wheel whose name says its version',
    basename(wheel),
  );
  return version;
}
