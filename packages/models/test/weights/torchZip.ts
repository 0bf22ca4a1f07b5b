/** Zip archives as torch.save writes them, and as it never would. */

export interface ZipFile {
  readonly name: string | Uint8Array;
  readonly bytes: Uint8Array;
  /** What the directory says instead. */
  readonly size?: number;
  readonly header?: number;
  readonly method?: number;
  readonly flags?: number;
  /** Sizes and place in a zip64 record. */
  readonly wide?: boolean;
}

/** Latin-1 text as bytes. */
export function raw(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** @param end What the record at the end says instead: entries, size and start of the directory. */
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
    header = at,
    method = 0,
    flags = 0,
    wide = false,
  } of files) {
    const nameBytes = typeof name === 'string' ? new TextEncoder().encode(name) : name;
    const sizes = [4, wide ? 0xffffffff : size] as const;
    const extra = wide
      ? numbers([2, 0x4246], [2, 1], [1, 0], [2, 1], [2, 24], [8, size], [8, size], [8, header])
      : new Uint8Array(0);
    const local = numbers(
      [4, 0x04034b50],
      [2, 20],
      [2, flags],
      [2, method],
      [4, 0],
      [4, 0],
      sizes,
      sizes,
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
      sizes,
      sizes,
      ...listed,
    );
    directory.push(entry, nameBytes, extra);
    at += local.length + nameBytes.length + bytes.length;
  }
  const listing = joined(directory);
  const { count = files.length, size = listing.length, begin = at } = end;
  return joined([
    ...parts,
    listing,
    numbers([4, 0x06054b50], [4, 0], [2, count], [2, count], [4, size], [4, begin], [2, 0]),
  ]);
}

/** An archive of torch.save with this pickle and these storages, by key. */
export function torchZip(
  pickle: string,
  storages: Readonly<Record<string, Uint8Array>> = {},
  more: readonly ZipFile[] = [],
): Uint8Array<ArrayBuffer> {
  const data = Object.entries(storages).map(([key, bytes]) => ({ name: `w/data/${key}`, bytes }));
  return zip([{ name: 'w/data.pkl', bytes: raw(pickle) }, ...more, ...data]);
}

/**
 * A legacy file with this pickle; `keys` is the pickle of the storages' keys, `data` what follows.
 */
export function legacyFile(
  pickle: string,
  keys: string,
  data: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const start =
    '\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x88s.';
  return joined([raw(start + pickle + keys), data]);
}

/** The pickle of { name: tensor }, its numbers as opcodes. */
export function tensorPickle({
  name = 'a',
  type = 'FloatStorage',
  key = '0',
  length = 'K\x06',
  offset = 'K\0',
  shape = 'K\x06\x85',
  strides = 'K\x01\x85',
}) {
  const id = `(X\x07\0\0\0storagectorch\n${type}\n${text(key)}${text('cpu')}${length}tQ`;
  return `\x80\x02}${text(name)}ctorch._utils\n_rebuild_tensor_v2\n(${id}${offset}${shape}${strides}\x89NtRs.`;
}

/** Text as an opcode. */
export function text(value: string): string {
  return `X${String.fromCharCode(value.length)}\0\0\0${value}`;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function numbers(...fields: readonly (readonly [width: number, value: number])[]): Uint8Array {
  return Uint8Array.from(
    fields.flatMap(([width, value]) =>
      Array.from({ length: width }, (_, byte) => Math.floor(value / 256 ** byte) % 256),
    ),
  );
}
