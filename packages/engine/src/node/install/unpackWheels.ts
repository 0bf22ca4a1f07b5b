import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { ProgressFactory } from '@kd/core';
import { type ZipEntry, zipEntries } from '@kd/files';
import { ensureDirectory, fileByteSource } from '@kd/files/node';
import { frameworkFile, libraryFile } from '../library/libraryFiles.ts';

/** A Python wheel, which is a zip archive. */
export interface Wheel {
  readonly path: string;
  /** All files by name. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** The files to unpack. */
  readonly needed: readonly ZipEntry[];
}

/** Whose wheel it is, which decides the files to unpack. */
export type WheelOwner = 'TensorFlow' | 'NVIDIA';

const libraryNames = [libraryFile, frameworkFile].map((file) => `tensorflow/${file}`);

/**
 * Files of NVIDIA's wheels: shared libraries, and the tools that XLA compiles with, which
 * libtensorflow expects in `../nvidia/cuda_nvcc`.
 */
const nvidiaFiles = [
  /^nvidia\/\w+\/lib\/[\w.-]+\.so[\w.]*$/,
  /^nvidia\/cuda_nvcc\/bin\/ptxas$/,
  /^nvidia\/cuda_nvcc\/nvvm\/libdevice\/[\w.]+\.bc$/,
];

/**
 * Opens a wheel and selects the files to unpack. @throws Error if they are not in it, or if it is
 * no archive.
 */
export function openWheel(path: string, of: WheelOwner): Wheel {
  const entries = listEntries(path);
  const needed =
    of === 'TensorFlow'
      ? libraryNames.map((name) => requireEntry(entries, name))
      : selectNvidiaEntries(entries, basename(path));
  return { path, entries, needed };
}

type Entries = Wheel['entries'];

function listEntries(path: string): Entries {
  try {
    return zipEntries(fileByteSource(path, basename(path)), basename(path));
  } catch (cause) {
    const message = (cause as Error).message.replace(/\.$/, '');
    throw new Error(`kd-engine install: expected a wheel, got ${message}; download it again.`, {
      cause,
    });
  }
}

function selectNvidiaEntries(entries: Entries, wheel: string): readonly ZipEntry[] {
  const found = [...entries.values()].filter(({ name }) =>
    nvidiaFiles.some((form) => form.test(name)),
  );
  if (found.length === 0)
    throw new Error(
      `kd-engine install: expected shared libraries in ${wheel}, got none; this version has another layout.`,
    );
  return found;
}

export function unpackedBytes(wheels: readonly Wheel[]): number {
  return wheels.flatMap(({ needed }) => needed).reduce((sum, { size }) => sum + size, 0);
}

/** Reads METADATA of a wheel (email headers, PEP 566). */
export function readMetadata({ entries }: Wheel): Promise<string> {
  return text(requireDistInfo(entries, 'METADATA').read());
}

export interface Unpacking {
  /** Maps the name of a file to the path that it is unpacked to. */
  readonly targetPath: (fileName: string) => string;
  readonly onBytes: (count: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Unpacks the selected files and verifies them with the wheel's RECORD. @throws Error that names
 * the file that is incomplete.
 */
export async function unpackWheel(
  { entries, needed }: Wheel,
  { targetPath, onBytes, signal }: Unpacking,
): Promise<void> {
  const record = await readRecord(entries);
  for (const entry of needed) {
    const { name, size } = entry;
    const recorded = record.get(name);
    // No more than the size in the zip directory is read: a file longer than in RECORD is refused
    // before it fills the disk.
    if (recorded === undefined || size !== recorded.bytes)
      throw incompleteFileError(name, recorded, `${size} bytes`);
    const path = targetPath(name);
    await ensureDirectory(dirname(path));
    const sha256 = await unpackEntry(entry, path, { onBytes, signal });
    if (sha256 !== recorded.sha256)
      throw incompleteFileError(name, recorded, `${size} bytes with sha256 ${sha256}`);
    if (name.includes('/bin/')) await chmod(path, 0o755);
  }
}

/** Unpacks one file. @returns Its sha256 in base64url. */
async function unpackEntry(
  entry: ZipEntry,
  path: string,
  { onBytes, signal }: Pick<Unpacking, 'onBytes' | 'signal'>,
): Promise<string> {
  const hash = createHash('sha256');
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of entry.read()) {
      hash.update(chunk);
      onBytes(chunk.length);
      yield chunk;
    }
  };
  await pipeline(chunks, createWriteStream(path), { ...(signal && { signal }) });
  return hash.digest('base64url');
}

interface Recorded {
  /** base64url without padding. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Reads RECORD of a wheel: a line `path,sha256=…,bytes` for each file (PEP 376, PEP 427). */
async function readRecord(entries: Entries): Promise<ReadonlyMap<string, Recorded>> {
  const lines = (await text(requireDistInfo(entries, 'RECORD').read())).split(/\r?\n/);
  return new Map(
    lines.map((line) => {
      const [path = '', digest = '', bytes = ''] = line.split(',');
      return [path, { sha256: digest.replace(/^sha256=/, ''), bytes: Number(bytes) }];
    }),
  );
}

function requireDistInfo(entries: Entries, file: string): ZipEntry {
  const form = new RegExp(`^[^/]+\\.dist-info/${file}$`);
  const entry = [...entries.values()].find(({ name }) => form.test(name));
  if (entry === undefined)
    throw new Error(
      `kd-engine install: expected a wheel with a ${file}, got an archive without; download it again.`,
    );
  return entry;
}

function requireEntry(entries: Entries, name: string): ZipEntry {
  const entry = entries.get(name);
  if (entry === undefined)
    throw new Error(
      `kd-engine install: expected ${name} in the wheel, got none; this version has another layout.`,
    );
  return entry;
}

function incompleteFileError(name: string, recorded: Recorded | undefined, got: string): Error {
  const expected =
    recorded === undefined
      ? 'an entry in RECORD'
      : `${recorded.bytes} bytes with sha256 ${recorded.sha256}`;
  return new Error(
    `kd-engine install: expected ${name} to have ${expected}, got ${got}; download it again.`,
  );
}

export interface UnpackOptions {
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Unpacks the wheels, TensorFlow's first, and removes each when it is done. TensorFlow's libraries
 * go into `libraries`, NVIDIA's beside it, where TensorFlow's look for them (RUNPATH
 * `$ORIGIN/../nvidia/…/lib`).
 */
export async function unpackWheels(
  paths: readonly string[],
  libraries: string,
  { createProgress, signal }: UnpackOptions,
): Promise<void> {
  const wheels = paths.map((path, index) => openWheel(path, index === 0 ? 'TensorFlow' : 'NVIDIA'));
  const progress = createProgress?.('unpacking libtensorflow', unpackedBytes(wheels), 'B');
  let done = 0;
  const onBytes = (count: number): void => {
    done += count;
    progress?.update(done);
  };
  try {
    for (const wheel of wheels) {
      await unpackWheel(wheel, {
        targetPath: (name) => unpackedPath(name, libraries),
        onBytes,
        signal,
      });
      await rm(wheel.path);
    }
  } finally {
    progress?.end();
  }
}

function unpackedPath(fileName: string, libraries: string): string {
  return fileName.startsWith('nvidia/')
    ? join(dirname(libraries), fileName)
    : join(libraries, fileName.slice('tensorflow/'.length));
}
