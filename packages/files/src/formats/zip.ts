import { ensure, expectedError } from '@kd/core';
import { type ByteSource, isSafeRelativePath, subarrayBetween } from '@kd/files';
import { directoryOf } from './zipDirectory.ts';

/** A file of an archive: where its bytes lie. */
export interface ZipEntry {
  /** @throws RangeError where the entry is packed. */
  size(): number;
  /**
   * The byte of the archive where they begin. @throws RangeError where it does not lie where the
   * directory says.
   */
  begin(): number;
}

interface Listed {
  readonly name: string;
  /** 0: stored as it is. */
  readonly method: number;
  readonly size: number;
  readonly header: number;
}

const directoryLimit = 1 << 26;
const remedy = 'the file is cut short or damaged: get it again';

/**
 * The files of a zip archive by name, from its central directory; zip64 too. Names stay within the
 * archive and none comes twice, no entry reaches into the
 * next. Only entries that are stored as they are can be read, as `torch.save` writes them: nothing
 * is unpacked.
 * Layout: APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3.7–4.3.16.
 * @param caller For messages: the file's name.
 */
export function zipEntries(source: ByteSource, caller: string): ReadonlyMap<string, ZipEntry> {
  const { begin, end, count } = directoryOf(source, caller);
  ensure(
    begin <= end && end <= source.length && end - begin <= directoryLimit,
    caller,
    `a zip directory within ${source.length} bytes`,
    `${begin}–${end}`,
    remedy,
  );
  const listed: Listed[] = [];
  const view = new DataView(subarrayBetween(source, begin, end).buffer);
  for (let at = 0; at < view.byteLength; ) {
    ensure(
      at + 46 <= view.byteLength && view.getUint32(at, true) === 0x02014b50,
      caller,
      `entry ${listed.length} of the zip directory`,
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
      `entry ${listed.length} of the zip directory`,
      'part of one',
      remedy,
    );
    listed.push(listedEntry(new DataView(view.buffer, at, next - at), caller));
    at = next;
  }
  ensure(
    listed.length === count,
    caller,
    `${count} entries in the zip directory`,
    listed.length,
    remedy,
  );
  return checkedEntries(listed, source, begin, caller);
}

function listedEntry(entry: DataView<ArrayBuffer>, caller: string): Listed {
  const nameLength = entry.getUint16(28, true);
  const name = nameOf(new Uint8Array(entry.buffer, entry.byteOffset + 46, nameLength), caller);
  ensure(
    (entry.getUint16(8, true) & 1) === 0,
    `${caller}: ${name}`,
    'an entry that is not encrypted',
    'an encrypted one',
  );
  const method = entry.getUint16(10, true);
  const wide = wideFields(entry, 46 + nameLength, entry.getUint16(30, true));
  const field = (at: number): number =>
    entry.getUint32(at, true) === 0xffffffff ? wide() : entry.getUint32(at, true);
  // In the order in which zip64 has them: the size, the packed size, where the entry begins.
  const [size, packed, header] = [field(24), field(20), field(42)];
  const fits =
    [size, packed, header].every(Number.isSafeInteger) && (size === packed || method !== 0);
  ensure(
    fits,
    `${caller}: ${name}`,
    'one size of a stored entry, and its place',
    `${size} and ${packed} at ${header}`,
    remedy,
  );
  return { name, method, size: packed, header };
}

/** The 64-bit fields of an entry's zip64 record, one after the other; NaN where there is none. */
function wideFields(entry: DataView, start: number, length: number): () => number {
  let [next, end] = [0, 0];
  for (let at = start; at + 4 <= start + length; at += 4 + entry.getUint16(at + 2, true)) {
    if (entry.getUint16(at, true) === 1)
      [next, end] = [at + 4, Math.min(at + 4 + entry.getUint16(at + 2, true), start + length)];
  }
  return () => {
    next += 8;
    return next <= end ? Number(entry.getBigUint64(next - 8, true)) : Number.NaN;
  };
}

function checkedEntries(
  listed: readonly Listed[],
  source: ByteSource,
  directory: number,
  caller: string,
): ReadonlyMap<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  const inOrder = [...listed].sort((left, right) => left.header - right.header);
  inOrder.forEach((entry, at) => {
    const { name, size, header } = entry;
    const end = inOrder[at + 1]?.header ?? directory;
    ensure(!entries.has(name), caller, `one entry ${name}`, 'a second one');
    ensure(
      header + 30 + size <= end,
      `${caller}: ${name}`,
      `an entry that ends before byte ${end}`,
      `${size} bytes at ${header}`,
      remedy,
    );
    entries.set(name, {
      size: () => storedSize(entry, caller),
      begin: () => dataStart(source, entry, end, caller),
    });
  });
  return entries;
}

function storedSize({ name, method, size }: Listed, caller: string): number {
  ensure(
    method === 0,
    `${caller}: ${name}`,
    'an entry stored as it is',
    `a packed one (method ${method})`,
    'load it in PyTorch and save it anew',
  );
  return size;
}

function dataStart(source: ByteSource, entry: Listed, end: number, caller: string): number {
  const { name, header } = entry;
  const size = storedSize(entry, caller);
  const local = new DataView(subarrayBetween(source, header, header + 30).buffer);
  const begin = header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const fits = local.getUint32(0, true) === 0x04034b50 && begin + size <= end;
  ensure(
    fits,
    `${caller}: ${name}`,
    `${size} bytes where the zip directory says`,
    'other bytes',
    remedy,
  );
  return begin;
}

function nameOf(bytes: Uint8Array, caller: string): string {
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw Object.assign(
      expectedError(caller, 'zip entries with names in UTF-8', 'other bytes', remedy),
      { cause },
    );
  }
  // The name of a folder ends with a slash.
  const contained = isSafeRelativePath(name.replace(/\/$/, ''));
  ensure(
    contained,
    caller,
    'zip entries whose names stay within the archive',
    JSON.stringify(name),
  );
  return name;
}
