import { ensure, expectedError } from '@kd/core';
import { type ByteSource, readRange } from '@kd/files';

/** A file in a tar archive. */
export interface TarFile {
  /** Path in the archive. */
  readonly path: string;
  /** Position of its first byte. */
  readonly begin: number;
  readonly size: number;
}

const blockSize = 512;
/** Bytes of a record that holds a long name. */
const mostNameBytes = 2 ** 16;
/** Files in one archive. */
const mostFiles = 10_000_000;
/** Bytes that are read at a time: headers of small files lie close together. */
const stepBytes = 2 ** 16;

/**
 * Lists the files of a tar archive (ustar, pax or GNU) that is not compressed. Only headers are
 * read; links, directories and devices are passed over.
 * @param caller Start of messages: the archive's name.
 * @throws RangeError on an archive that is cut short or altered.
 */
export function indexTar(source: ByteSource, caller: string): TarFile[] {
  const files: TarFile[] = [];
  const read = bufferedReader(source);
  let at = 0;
  let next: { path?: string; size?: number } = {};
  while (at + blockSize <= source.length) {
    const block = read(at, at + blockSize);
    if (block.every((byte) => byte === 0)) break;
    const header = readHeader(block, caller);
    const size = next.size ?? header.size;
    const begin = at + blockSize;
    ensure(
      begin + size <= source.length,
      caller,
      `${size} bytes of ${next.path ?? header.path}`,
      source.length - begin,
      'the archive is cut short: get it again',
    );
    at = begin + Math.ceil(size / blockSize) * blockSize;
    switch (header.type) {
      case 'L': {
        expectName(size, caller);
        next = { ...next, path: text(read(begin, begin + size)) };
        break;
      }
      case 'x': {
        expectName(size, caller);
        next = { ...next, ...readPax(read(begin, begin + size)) };
        break;
      }
      case '0':
      case '\0': {
        files.push({ path: next.path ?? header.path, begin, size });
        ensure(files.length <= mostFiles, caller, `at most ${mostFiles} files`, 'more');
        next = {};
        break;
      }
      default:
        if (header.type !== 'g') next = {};
    }
  }
  return files;
}

function expectName(size: number, caller: string): void {
  ensure(size <= mostNameBytes, caller, `names of at most ${mostNameBytes} bytes`, size);
}

/** Reads ahead, for headers that follow each other closely. */
function bufferedReader(source: ByteSource): (from: number, to: number) => Uint8Array {
  let [start, bytes] = [0, new Uint8Array(0)];
  return (from, to) => {
    if (from < start || to > start + bytes.length) {
      const end = Math.min(source.length, Math.max(to, from + stepBytes));
      [start, bytes] = [from, readRange(source, from, end)];
    }
    return bytes.subarray(from - start, to - start);
  };
}

function readHeader(
  block: Uint8Array,
  caller: string,
): { readonly path: string; readonly size: number; readonly type: string } {
  // The checksum counts its own eight bytes as spaces.
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== octal(block.subarray(148, 156)))
    throw expectedError(
      caller,
      'a tar archive whose header checksums are right',
      'a wrong one',
      'it is cut short, altered or something else: get it again',
    );
  const isUstar = text(block.subarray(257, 262)) === 'ustar';
  const prefix = isUstar ? text(block.subarray(345, 500)) : '';
  const name = text(block.subarray(0, 100));
  const size = readSize(block.subarray(124, 136));
  ensure(Number.isSafeInteger(size), caller, 'a size of a file', 'another', 'get it again');
  const type = String.fromCharCode(block[156] as number);
  // GNU archives use the place of the prefix for times.
  const isGnu = text(block.subarray(257, 265)) === 'ustar  ';
  return { path: prefix === '' || isGnu ? name : `${prefix}/${name}`, size, type };
}

/** Octal digits, or for 8 GB and more a number to the base of 256, marked by the first bit. */
function readSize(field: Uint8Array): number {
  if (((field[0] as number) & 0x80) === 0) return octal(field);
  return field.subarray(1).reduce((size, byte) => size * 256 + byte, 0);
}

function octal(field: Uint8Array): number {
  const digits = text(field).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

function text(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** Records `<length> <key>=<value>\n`. */
function readPax(bytes: Uint8Array): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = Number(text(bytes.subarray(at, space)));
    if (space < 0 || !Number.isSafeInteger(length) || length <= 0) break;
    const record = new TextDecoder().decode(bytes.subarray(space + 1, at + length - 1));
    const [key, value] = [record.split('=', 1)[0], record.slice(record.indexOf('=') + 1)];
    if (key === 'path') found.path = value;
    if (key === 'size') found.size = Number(value);
    at += length;
  }
  return found;
}
