import { ensure, expectedError } from '@kd/core';
import { type ByteReader, byteReader, decompress, limitBytes } from './streams.ts';

/** One file of a tar archive. */
export interface TarEntry {
  /** Last part of its path. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Limits in bytes. */
export interface ArchiveLimits {
  /** Size of one file. */
  readonly file: number;
  /** Size of the whole archive when decompressed. */
  readonly archive: number;
}

const blockSize = 512;
const remedy = 'it is cut short, altered or something else: get it again';

/**
 * Reads the selected files of a `.tar.gz` (POSIX ustar), one at a time in memory. Nothing is
 * written
 * to disk, so that no path in the archive can lead anywhere. Links, devices, long-name records and
 * other entries are skipped.
 * @param isWanted Selects files by name. @param caller Start of messages: the archive's name.
 * @throws RangeError that names the archive if it is no archive, cut short, altered, too large, or
 * has a selected file twice.
 */
export async function* readTar(
  archive: ReadableStream<Uint8Array>,
  isWanted: (name: string) => boolean,
  limits: ArchiveLimits,
  caller: string,
): AsyncGenerator<TarEntry, void, undefined> {
  const reader = byteReader(
    decompress(archive, 'gzip').pipeThrough(limitBytes(limits.archive, caller)),
  );
  const seen = new Set<string>();
  try {
    for (
      let header = await readHeader(reader, caller);
      header !== undefined;
      header = await readHeader(reader, caller)
    ) {
      const { name, size, isFile } = header;
      const padding = (blockSize - (size % blockSize)) % blockSize;
      if (!isFile || !isWanted(name)) {
        await reader.skip(size + padding);
        continue;
      }
      ensure(!seen.has(name), caller, `one file ${name}`, 'a second one');
      ensure(size <= limits.file, `${caller}: ${name}`, `at most ${limits.file} bytes`, size);
      seen.add(name);
      const bytes = await reader.read(size);
      await reader.skip(padding);
      yield { name, bytes };
    }
    await reader.rest();
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    const { code, message } = cause as Error & { code?: string };
    throw Object.assign(expectedError(caller, 'a whole .tar.gz archive', code ?? message, remedy), {
      cause,
    });
  } finally {
    await reader.close();
  }
}

/** Reads the next header. @returns undefined at the block of zeros that ends an archive. */
async function readHeader(
  reader: ByteReader,
  caller: string,
): Promise<{ name: string; size: number; isFile: boolean } | undefined> {
  const block = await reader.read(blockSize);
  if (block.every((byte) => byte === 0)) return undefined;
  // The checksum counts its own eight bytes as spaces.
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  ensure(
    sum === readOctal(block, 148, 8),
    caller,
    'a tar archive whose header checksums are right',
    'a wrong one',
    remedy,
  );
  const size = readOctal(block, 124, 12);
  ensure(
    Number.isSafeInteger(size),
    caller,
    'a tar archive whose file sizes are octal numbers',
    'another size',
    remedy,
  );
  const path = readText(block, 0, 100);
  const type = block[156];
  return { name: path.slice(path.lastIndexOf('/') + 1), size, isFile: type === 0 || type === 48 };
}

function readText(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder('latin1').decode(end < 0 ? field : field.subarray(0, end));
}

function readOctal(block: Uint8Array, at: number, length: number): number {
  const digits = readText(block, at, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}
