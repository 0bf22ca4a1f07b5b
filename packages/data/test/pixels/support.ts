import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Reads a file that `golden.py` made. */
export function readRows<Row>(name: string): readonly Row[] {
  return JSON.parse(readFileSync(new URL(`../fixtures/pixels/${name}`, import.meta.url), 'utf8'));
}

/** The bytes of `noise` in golden.py. */
export function noise(count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  let state = 1;
  for (let at = 0; at < count; at++) {
    state = (Math.imul(state, 69069) + 1) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** sha256 in hexadecimal digits. */
export function hash(bytes: Uint8Array, digits = 16): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, digits);
}
