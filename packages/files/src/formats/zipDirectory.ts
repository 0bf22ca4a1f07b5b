import { ensure } from '@kd/core';
import { type ByteSource, subarrayBetween } from '@kd/files';

/** Where the central directory of a zip archive lies. */
export interface ZipDirectory {
  readonly begin: number;
  readonly end: number;
  readonly count: number;
}

const endLength = 22;
const locatorLength = 20;

/**
 * Found from the record at the end of the archive, which a comment may follow; zip64 has another
 * before it. @throws RangeError where there is none.
 */
export function directoryOf(source: ByteSource, caller: string): ZipDirectory {
  const tailStart = Math.max(0, source.length - endLength - 0xffff - locatorLength);
  const tail = new DataView(subarrayBetween(source, tailStart, source.length).buffer);
  const at = endRecord(tail);
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
    return wideDirectory(source, tail, at, tailStart, caller);
  return { begin, end: begin + size, count };
}

function endRecord(tail: DataView): number {
  for (let at = tail.byteLength - endLength; at >= 0; at--) {
    if (
      tail.getUint32(at, true) === 0x06054b50 &&
      at + endLength + tail.getUint16(at + 20, true) === tail.byteLength
    )
      return at;
  }
  return -1;
}

function wideDirectory(
  source: ByteSource,
  tail: DataView,
  at: number,
  tailStart: number,
  caller: string,
): ZipDirectory {
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
  const wide = new DataView(subarrayBetween(source, record, record + 56).buffer);
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
