import koffi from 'koffi';
import type { Libc, Pointer } from './c/api.ts';

/** Slots of 8 bytes in the scratch block: enough for any attribute list or shape. */
const slots = 4096;

/**
 * One block of C memory seen from JavaScript, in which arguments are laid out and results are
 * found, and C strings kept for good.
 * Reused by every call: whoever fills it makes the call at once.
 */
export class Memory {
  readonly libc: Libc;
  readonly scratch: Pointer;
  /** Views of the scratch block, by element type. */
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly float32: Float32Array;
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #strings = new Map<string, { readonly at: Pointer; readonly length: number }>();

  constructor(libc: Libc) {
    this.libc = libc;
    this.scratch = libc.malloc(slots * 8);
    const seen = koffi.view(BigInt(this.scratch), slots * 8);
    this.int32 = new Int32Array(seen);
    this.int64 = new BigInt64Array(seen);
    this.float32 = new Float32Array(seen);
    this.bytes = new Uint8Array(seen);
    this.#words = new Uint32Array(seen);
  }

  /** The address of a slot. */
  slot(index: number): Pointer {
    return this.scratch + index * 8;
  }

  /** Writes numbers as int64 from the first slot on. @returns Their address. */
  putIntegers(values: ArrayLike<number>): Pointer {
    for (let at = 0; at < values.length; at++) this.int64[at] = BigInt(values[at] as number);
    return this.scratch;
  }

  putPointer(slot: number, pointer: Pointer): void {
    this.#words[slot * 2] = pointer % 2 ** 32;
    this.#words[slot * 2 + 1] = Math.floor(pointer / 2 ** 32);
  }

  pointerAt(slot: number): Pointer {
    return (this.#words[slot * 2 + 1] as number) * 2 ** 32 + (this.#words[slot * 2] as number);
  }

  /**
   * A C string that stays: names of ops, attributes and their few values. @returns Its address, and
   * its length without the closing zero.
   */
  string(text: string): { readonly at: Pointer; readonly length: number } {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    const encoded = Buffer.from(`${text}\0`, 'utf8');
    const made = { at: this.libc.malloc(encoded.length), length: encoded.length - 1 };
    this.libc.copyIn(made.at, encoded, encoded.length);
    this.#strings.set(text, made);
    return made;
  }
}
