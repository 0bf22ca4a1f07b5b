/**
 * Zip archives, read by range: the central directory first, then each entry when it is needed.
 * Layout: APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3.7–4.3.16; zip64 too.
 */
import { ensure, expectedError } from '@kd/core';
import { type ByteSource, readRange } from '../source.ts';
import { isSafeRelativePath } from '../stores.ts';
import { decompress } from './streams.ts';

/** One file of an archive. */
export interface ZipEntry {
  /** Path in the archive, with `/`; that of a directory ends with one. */
  readonly name: string;
  /** Size in bytes when decompressed, as the directory of the archive has it. */
  readonly size: number;
  /** Whether it is stored without compression. */
  readonly isStored: boolean;
  /**
   * Returns the range of the archive that holds the content of an entry that is stored without
   * compression.
   * @throws RangeError if it is compressed, or not where the directory has it.
   */
  storedRange(): { readonly begin: number; readonly end: number };
  /**
   * Reads the content in chunks, decompressed. Checksums of the archive are not verified.
   * @throws RangeError if it is not `size` bytes, damaged, or compressed by another method than
   * deflate.
   */
  read(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;
}

const directoryLimit = 1 << 26;
const chunkLength = 1 << 20;
const stored = 0;
const deflated = 8;
const remedy = 'the file is cut short or damaged: get it again';

/**
 * Lists the files of a zip archive by name. Names stay within the archive and none comes twice; no
 * entry reaches into the next.
 * @param caller Start of messages: the file's name.
 * @throws RangeError that names the file and the entry.
 */
export function zipEntries(source: ByteSource, caller: string): ReadonlyMap<string, ZipEntry> {
  const { begin, end, count } = findDirectory(source, caller);
  ensure(
    begin <= end && end <= source.length && end - begin <= directoryLimit,
    caller,
    `a zip directory within ${source.length} bytes`,
    `${begin}–${end}`,
    remedy,
  );
  const records: DirectoryRecord[] = [];
  const view = new DataView(readRange(source, begin, end).buffer);
  for (let at = 0; at < view.byteLength; ) {
    ensure(
      at + 46 <= view.byteLength && view.getUint32(at, true) === 0x02014b50,
      caller,
      `entry ${records.length} of the zip directory`,
      'other bytes',
      remedy,
    );
    const next =
      at +
      46 +
      view.getUint16(at + 28, true) +
      view.getUint16(at + 30, true) +
      view.getUint16(at + 32, true);
    ensure(
      next <= view.byteLength,
      caller,
      `entry ${records.length} of the zip directory`,
      'part of one',
      remedy,
    );
    records.push(readRecord(new DataView(view.buffer, at, next - at), caller));
    at = next;
  }
  ensure(
    records.length === count,
    caller,
    `${count} entries in the zip directory`,
    records.length,
    remedy,
  );
  return createEntries(records, source, begin, caller);
}

/** Location of the central directory. */
interface Directory {
  readonly begin: number;
  readonly end: number;
  readonly count: number;
}

const endLength = 22;
const locatorLength = 20;

/**
 * Finds the directory by the record at the end of the archive, which a comment may follow; zip64
 * has another record before it.
 */
function findDirectory(source: ByteSource, caller: string): Directory {
  const tailStart = Math.max(0, source.length - endLength - 0xffff - locatorLength);
  const tail = new DataView(readRange(source, tailStart, source.length).buffer);
  const at = findEndRecord(tail);
  ensure(
    at >= 0,
    caller,
    'a zip archive with its directory at the end',
    'none',
    'the file is cut short: get it again',
  );
  const count = tail.getUint16(at + 10, true);
  const size = tail.getUint32(at + 12, true);
  const begin = tail.getUint32(at + 16, true);
  if (count === 0xffff || size === 0xffffffff || begin === 0xffffffff)
    return readZip64Directory(source, tail, at, tailStart, caller);
  return { begin, end: begin + size, count };
}

function findEndRecord(tail: DataView): number {
  for (let at = tail.byteLength - endLength; at >= 0; at--) {
    if (
      tail.getUint32(at, true) === 0x06054b50 &&
      at + endLength + tail.getUint16(at + 20, true) === tail.byteLength
    )
      return at;
  }
  return -1;
}

function readZip64Directory(
  source: ByteSource,
  tail: DataView,
  at: number,
  tailStart: number,
  caller: string,
): Directory {
  const locator = at - locatorLength;
  const located = locator >= 0 && tail.getUint32(locator, true) === 0x07064b50;
  const record = located ? Number(tail.getBigUint64(locator + 8, true)) : Number.NaN;
  ensure(
    record + 56 <= tailStart + locator,
    caller,
    'a zip64 directory record before the end',
    located ? record : 'none',
    'the file is damaged',
  );
  const wide = new DataView(readRange(source, record, record + 56).buffer);
  ensure(
    wide.getUint32(0, true) === 0x06064b50,
    caller,
    'a zip64 directory record',
    'other bytes',
    'the file is damaged',
  );
  const [count, size, begin] = [32, 40, 48].map((field) =>
    Number(wide.getBigUint64(field, true)),
  ) as [number, number, number];
  return { begin, end: begin + size, count };
}

/** One record of the central directory. */
interface DirectoryRecord {
  readonly name: string;
  readonly method: number;
  /** Bytes when decompressed. */
  readonly size: number;
  /** Bytes in the archive. */
  readonly packedSize: number;
  /** Position of the entry's own header. */
  readonly header: number;
}

function readRecord(record: DataView<ArrayBuffer>, caller: string): DirectoryRecord {
  const nameLength = record.getUint16(28, true);
  const name = decodeName(
    new Uint8Array(record.buffer, record.byteOffset + 46, nameLength),
    caller,
  );
  ensure(
    (record.getUint16(8, true) & 1) === 0,
    `${caller}: ${name}`,
    'an entry that is not encrypted',
    'an encrypted one',
  );
  const method = record.getUint16(10, true);
  const nextWide = readZip64Fields(record, 46 + nameLength, record.getUint16(30, true));
  const field = (at: number): number =>
    record.getUint32(at, true) === 0xffffffff ? nextWide() : record.getUint32(at, true);
  // The order of zip64: size, packed size, position of the entry.
  const [size, packedSize, header] = [field(24), field(20), field(42)];
  const fits =
    [size, packedSize, header].every(Number.isSafeInteger) &&
    (size === packedSize || method !== stored);
  ensure(
    fits,
    `${caller}: ${name}`,
    'one size of a stored entry, and its position',
    `${size} and ${packedSize} at ${header}`,
    remedy,
  );
  return { name, method, size, packedSize, header };
}

/** Reads the 64-bit fields of a record's zip64 part one after the other; NaN if there is none. */
function readZip64Fields(record: DataView, start: number, length: number): () => number {
  let [next, end] = [0, 0];
  for (let at = start; at + 4 <= start + length; at += 4 + record.getUint16(at + 2, true)) {
    if (record.getUint16(at, true) === 1)
      [next, end] = [at + 4, Math.min(at + 4 + record.getUint16(at + 2, true), start + length)];
  }
  return () => {
    next += 8;
    return next <= end ? Number(record.getBigUint64(next - 8, true)) : Number.NaN;
  };
}

function createEntries(
  records: readonly DirectoryRecord[],
  source: ByteSource,
  directory: number,
  caller: string,
): ReadonlyMap<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  const ordered = [...records].sort((left, right) => left.header - right.header);
  ordered.forEach((record, at) => {
    const { name, method, size, packedSize, header } = record;
    const end = ordered[at + 1]?.header ?? directory;
    ensure(!entries.has(name), caller, `one entry ${name}`, 'a second one');
    ensure(
      header + 30 + packedSize <= end,
      `${caller}: ${name}`,
      `an entry that ends before byte ${end}`,
      `${packedSize} bytes at ${header}`,
      remedy,
    );
    entries.set(name, {
      name,
      size,
      isStored: method === stored,
      storedRange() {
        ensure(
          method === stored,
          `${caller}: ${name}`,
          'an entry stored without compression',
          `a compressed one (method ${method})`,
          'load it in PyTorch and save it again',
        );
        return locateContent(source, record, end, caller);
      },
      read: () => readContent(source, record, end, caller),
    });
  });
  return entries;
}

/** Finds the content behind an entry's own header. */
function locateContent(
  source: ByteSource,
  { name, packedSize, header }: DirectoryRecord,
  limit: number,
  caller: string,
): { readonly begin: number; readonly end: number } {
  const local = new DataView(readRange(source, header, header + 30).buffer);
  const begin = header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const fits = local.getUint32(0, true) === 0x04034b50 && begin + packedSize <= limit;
  ensure(
    fits,
    `${caller}: ${name}`,
    `${packedSize} bytes where the zip directory has them`,
    'other bytes',
    remedy,
  );
  return { begin, end: begin + packedSize };
}

async function* readContent(
  source: ByteSource,
  record: DirectoryRecord,
  limit: number,
  caller: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { name, method, size } = record;
  const place = `${caller}: ${name}`;
  ensure(
    method === stored || method === deflated,
    place,
    'an entry that is stored or deflated',
    `another one (method ${method})`,
  );
  const { begin, end } = locateContent(source, record, limit, caller);
  const packed = streamRange(source, begin, end);
  let done = 0;
  try {
    for await (const chunk of method === stored ? packed : decompress(packed, 'deflate-raw')) {
      done += chunk.length;
      if (done > size) break;
      yield chunk as Uint8Array<ArrayBuffer>;
    }
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    const { code, message } = cause as Error & { code?: string };
    throw Object.assign(expectedError(place, 'deflated data', code ?? message, remedy), { cause });
  }
  ensure(done === size, place, `${size} bytes, as the zip directory has it`, done, remedy);
}

/** Creates a stream of a part of the source; it is read one chunk at a time. */
function streamRange(source: ByteSource, begin: number, end: number): ReadableStream<Uint8Array> {
  let at = begin;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = Math.min(at + chunkLength, end);
      if (at < end) controller.enqueue(readRange(source, at, next));
      else controller.close();
      at = next;
    },
  });
}

function decodeName(bytes: Uint8Array, caller: string): string {
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw Object.assign(
      expectedError(caller, 'zip entries with names in UTF-8', 'other bytes', remedy),
      { cause },
    );
  }
  // The name of a directory ends with a slash.
  const contained = isSafeRelativePath(name.replace(/\/$/, ''));
  ensure(
    contained,
    caller,
    'zip entries whose names stay within the archive',
    JSON.stringify(name),
  );
  return name;
}
