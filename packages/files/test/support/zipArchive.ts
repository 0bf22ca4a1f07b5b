import { concatBytes } from '../../src/source.ts';

/** One file of a test archive; the optional fields make the archive wrong. */
export interface ZipFile {
  readonly name: string | Uint8Array;
  readonly bytes: Uint8Array;
  /** Size in the directory. */
  readonly size?: number;
  /** Position in the directory. */
  readonly header?: number;
  /** Bytes in the archive, in the directory. */
  readonly packedSize?: number;
  readonly method?: number;
  readonly flags?: number;
  /** Whether sizes and position are in a zip64 record. */
  readonly wide?: boolean;
}

/** Latin-1 text as bytes. */
export function raw(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/**
 * Writes a zip archive without compression.
 * @param end Wrong values of the record at its end: entries, size and start of the directory.
 */
export function zip(
  files: readonly ZipFile[],
  end: { count?: number; size?: number; begin?: number } = {},
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const {
    name,
    bytes,
    size = bytes.length,
    packedSize = size,
    header = at,
    method = 0,
    flags = 0,
    wide = false,
  } of files) {
    const nameBytes = typeof name === 'string' ? new TextEncoder().encode(name) : name;
    const sizes = [
      [4, wide ? 0xffffffff : packedSize],
      [4, wide ? 0xffffffff : size],
    ] as const;
    const extra = wide
      ? numbers(
          [2, 0x4246],
          [2, 1],
          [1, 0],
          [2, 1],
          [2, 24],
          [8, size],
          [8, packedSize],
          [8, header],
        )
      : new Uint8Array(0);
    const local = numbers(
      [4, 0x04034b50],
      [2, 20],
      [2, flags],
      [2, method],
      [4, 0],
      [4, 0],
      ...sizes,
      [2, nameBytes.length],
      [2, 0],
    );
    parts.push(local, nameBytes, bytes);
    const listed = [
      [2, nameBytes.length],
      [2, extra.length],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, wide ? 0xffffffff : header],
    ] as const;
    const entry = numbers(
      [4, 0x02014b50],
      [2, 20],
      [2, 20],
      [2, flags],
      [2, method],
      [4, 0],
      [4, 0],
      ...sizes,
      ...listed,
    );
    directory.push(entry, nameBytes, extra);
    at += local.length + nameBytes.length + bytes.length;
  }
  const listing = concatBytes(directory);
  const { count = files.length, size = listing.length, begin = at } = end;
  return concatBytes([
    ...parts,
    listing,
    numbers([4, 0x06054b50], [4, 0], [2, count], [2, count], [4, size], [4, begin], [2, 0]),
  ]);
}

function numbers(...fields: readonly (readonly [width: number, value: number])[]): Uint8Array {
  return Uint8Array.from(
    fields.flatMap(([width, value]) =>
      Array.from({ length: width }, (_, byte) => Math.floor(value / 256 ** byte) % 256),
    ),
  );
}
