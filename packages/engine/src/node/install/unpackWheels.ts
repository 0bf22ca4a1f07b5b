import { chmod, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ProgressFactory } from '@kd/core';
import { ensureDirectory } from '@kd/files/node';
import type { Entry } from 'yauzl';
import { frameworkFile, libraryFile } from '../library/libraryFiles.ts';
import { openZip, readEntry, unpackEntry, type Zip } from './zip.ts';

/**
 * What of a Python wheel is needed, and whether it came whole.
 */

/** A wheel, opened; `close` it. */
export interface Wheel {
  readonly path: string;
  readonly zip: Zip;
  /** The files that we take. */
  readonly needed: readonly Entry[];
}

/** What is needed of a wheel depends on whose it is. */
export type WheelOwner = 'TensorFlow' | 'NVIDIA';

const libraryNames = [libraryFile, frameworkFile].map((file) => `tensorflow/${file}`);

/**
 * Of NVIDIA's wheels: shared libraries, and what XLA compiles with, which libtensorflow looks for
 * in `../nvidia/cuda_nvcc`.
 */
const nvidiaFiles = [
  /^nvidia\/\w+\/lib\/[\w.-]+\.so[\w.]*$/,
  /^nvidia\/cuda_nvcc\/bin\/ptxas$/,
  /^nvidia\/cuda_nvcc\/nvvm\/libdevice\/[\w.]+\.bc$/,
];

/**
 * Opens a wheel and picks what is needed of it. @throws Error where that is not in it, or it is no
 * archive.
 */
export async function openWheel(path: string, of: WheelOwner): Promise<Wheel> {
  const zip = await openZip(path).catch((cause: Error) => {
    throw new Error(
      `kd-engine install: expected a wheel, got ${basename(path)}: ${cause.message}; download it again.`,
      { cause },
    );
  });
  try {
    return {
      path,
      zip,
      needed:
        of === 'TensorFlow'
          ? libraryNames.map((name) => requireEntry(zip, name))
          : selectNvidiaEntries(zip, basename(path)),
    };
  } catch (error) {
    zip.file.close();
    throw error;
  }
}

function selectNvidiaEntries(zip: Zip, wheel: string): readonly Entry[] {
  const found = [...zip.entries.values()].filter(({ fileName }) =>
    nvidiaFiles.some((form) => form.test(fileName)),
  );
  if (found.length === 0)
    throw new Error(
      `kd-engine install: expected shared libraries in ${wheel}, got none; this version has another layout.`,
    );
  return found;
}

export function unpackedBytes(wheels: readonly Wheel[]): number {
  return wheels
    .flatMap(({ needed }) => needed)
    .reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0);
}

/** METADATA of a wheel (the form of mails, PEP 566). */
export async function readMetadata({ zip }: Wheel): Promise<string> {
  return (await readEntry(zip, requireDistInfo(zip, 'METADATA'))).toString('utf8');
}

export interface Unpacking {
  /** @returns Where a file goes. */
  readonly place: (fileName: string) => string;
  readonly onBytes: (count: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Unpacks what is needed and holds it against the wheel's own RECORD. @throws Error that names the
 * file that is not whole.
 */
export async function unpackWheel(
  { zip, needed }: Wheel,
  { place, onBytes, signal }: Unpacking,
): Promise<void> {
  const record = await readRecord(zip);
  for (const entry of needed) {
    const recorded = record.get(entry.fileName);
    // yauzl holds the stream to the directory's length: more than RECORD says is refused before it
    // fills the disk.
    if (recorded === undefined || entry.uncompressedSize !== recorded.bytes)
      throw incompleteFileError(entry.fileName, recorded, `${entry.uncompressedSize} bytes`);
    const path = place(entry.fileName);
    await ensureDirectory(dirname(path));
    const { sha256, bytes } = await unpackEntry(zip, entry, path, { onBytes, signal });
    if (sha256 !== recorded.sha256 || bytes !== recorded.bytes)
      throw incompleteFileError(entry.fileName, recorded, `${bytes} bytes with sha256 ${sha256}`);
    if (entry.fileName.includes('/bin/')) await chmod(path, 0o755);
  }
}

interface Recorded {
  /** base64url, without padding. */
  readonly sha256: string;
  readonly bytes: number;
}

/** RECORD of a wheel: a line `path,sha256=…,bytes` for each file (PEP 376, PEP 427). */
async function readRecord(zip: Zip): Promise<ReadonlyMap<string, Recorded>> {
  const lines = (await readEntry(zip, requireDistInfo(zip, 'RECORD')))
    .toString('utf8')
    .split(/\r?\n/);
  return new Map(
    lines.map((line) => {
      const [path = '', digest = '', bytes = ''] = line.split(',');
      return [path, { sha256: digest.replace(/^sha256=/, ''), bytes: Number(bytes) }];
    }),
  );
}

function requireDistInfo(zip: Zip, file: string): Entry {
  const name = [...zip.entries.keys()].find((entry) =>
    new RegExp(`^[^/]+\\.dist-info/${file}$`).test(entry),
  );
  const entry = name === undefined ? undefined : zip.entries.get(name);
  if (entry === undefined)
    throw new Error(
      `kd-engine install: expected a wheel with a ${file}, got an archive without; download it again.`,
    );
  return entry;
}

function requireEntry(zip: Zip, name: string): Entry {
  const entry = zip.entries.get(name);
  if (entry === undefined)
    throw new Error(
      `kd-engine install: expected ${name} in the wheel, got none; this version has another layout.`,
    );
  return entry;
}

function incompleteFileError(name: string, recorded: Recorded | undefined, got: string): Error {
  const wanted =
    recorded === undefined
      ? 'an entry in RECORD'
      : `${recorded.bytes} bytes with sha256 ${recorded.sha256}`;
  return new Error(
    `kd-engine install: expected ${name} to have ${wanted}, got ${got}; download it again.`,
  );
}

export interface UnpackOptions {
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Unpacks what is needed of the wheels, TensorFlow's first, and removes each when it is done.
 * TensorFlow's libraries go into `libraries`, NVIDIA's beside it, where
 * TensorFlow's look for them (RUNPATH `$ORIGIN/../nvidia/…/lib`).
 */
export async function unpackWheels(
  paths: readonly string[],
  libraries: string,
  { createProgress, signal }: UnpackOptions,
): Promise<void> {
  const wheels: Wheel[] = [];
  try {
    for (const [index, path] of paths.entries())
      wheels.push(await openWheel(path, index === 0 ? 'TensorFlow' : 'NVIDIA'));
    const progress = createProgress?.('unpacking libtensorflow', unpackedBytes(wheels), 'B');
    let done = 0;
    const onBytes = (count: number): void => {
      done += count;
      progress?.update(done);
    };
    try {
      for (const wheel of wheels) {
        await unpackWheel(wheel, {
          place: (name) => unpackedPath(name, libraries),
          onBytes,
          signal,
        });
        await rm(wheel.path);
      }
    } finally {
      progress?.end();
    }
  } finally {
    for (const { zip } of wheels) zip.file.close();
  }
}

function unpackedPath(fileName: string, libraries: string): string {
  return fileName.startsWith('nvidia/')
    ? join(dirname(libraries), fileName)
    : join(libraries, fileName.slice('tensorflow/'.length));
}
