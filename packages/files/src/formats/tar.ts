import { ensure, expectedError } from '@kd/core';
import { type ByteReader, byteReader, decompress, limitBytes } from './streams.ts';

/** One file of an archive. */
export interface TarEntry {
  /** The last part of its path. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface ArchiveLimits {
  /** Bytes of one wanted file. */
  readonly file: number;
  /** Bytes of the whole archive when unpacked. */
  readonly archive: number;
}

const blockSize = 512;
const remedy = 'it is cut short, altered or something else: get it again';

/**
 * The wanted files of a `.tar.gz` (POSIX ustar), one at a time in memory; nothing touches a disk,
 * so no path in it can lead anywhere.
 * Links, devices, long-name records and other entries are passed over. @param caller For messages:
 * the archive's name.
 * @throws RangeError that names the archive where it is not one, is cut short, altered, too large,
 * or holds a wanted file twice.
 */
export async function* readTar(
  archive: ReadableStream<Uint8Array>,
  wanted: (name: string) => boolean,
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
      if (!isFile || !wanted(name)) {
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

/** @returns undefined at the block of zeros that ends an archive. */
async function readHeader(
  reader: ByteReader,
  caller: string,
): Promise<{ name: string; size: number; isFile: boolean } | undefined> {
  const block = await reader.read(blockSize);
  if (block.every((byte) => byte === 0)) return undefined;
  // The checksum counts its own eight bytes as spaces.
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  ensure(
    sum === octal(block, 148, 8),
    caller,
    'a tar archive whose header checksums are right',
    'a wrong one',
    remedy,
  );
  const size = octal(block, 124, 12);
  ensure(
    Number.isSafeInteger(size),
    caller,
    'a tar archive whose file sizes are octal numbers',
    'another size',
    remedy,
  );
  const path = text(block, 0, 100);
  const type = block[156];
  return { name: path.slice(path.lastIndexOf('/') + 1), size, isFile: type === 0 || type === 48 };
}

function text(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder('latin1').decode(end < 0 ? field : field.subarray(0, end));
}

function octal(block: Uint8Array, at: number, length: number): number {
  const digits = text(block, at, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}
