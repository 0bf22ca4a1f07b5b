/** Zip archives as torch.save writes them, and as it never would. */

import { raw, type ZipFile, zip } from '../../../files/test/support/zipArchive.ts';

export { raw, zip };

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
