/** C memory that JavaScript reads and writes, in which arguments of C calls are laid out. */
import koffi from 'koffi';
import type { Libc } from './api.ts';
import type { Pointer } from './types.ts';

/** A block of C memory in slots of 8 bytes. */
export class Slots {
  readonly libc: Libc;
  /** The address of the first slot. */
  readonly start: Pointer;
  protected readonly view: ArrayBuffer;
  readonly #words: Uint32Array;

  constructor(libc: Libc, count: number) {
    this.libc = libc;
    this.start = libc.malloc(count * 8);
    this.view = koffi.view(BigInt(this.start), count * 8);
    this.#words = new Uint32Array(this.view);
  }

  /** The address of a slot. */
  slot(index: number): Pointer {
    return this.start + index * 8;
  }

  putPointer(slot: number, pointer: Pointer): void {
    this.#words[slot * 2] = pointer % 2 ** 32;
    this.#words[slot * 2 + 1] = Math.floor(pointer / 2 ** 32);
  }

  /** Writes a C int < 2³² into the first half of a slot. */
  putInteger(slot: number, value: number): void {
    this.#words[slot * 2] = value;
  }

  pointerAt(slot: number): Pointer {
    return (this.#words[slot * 2 + 1] as number) * 2 ** 32 + (this.#words[slot * 2] as number);
  }

  free(): void {
    this.libc.free(this.start);
  }
}

/** Enough for any attribute list or shape. */
const scratchSlots = 4096;

/**
 * The one block for arguments and results of synchronous calls, and C strings that are never freed.
 * Every call reuses it: fill it and make the call at once.
 */
export class ScratchArena extends Slots {
  /** Views of the block, by element type. */
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly float32: Float32Array;
  readonly bytes: Uint8Array;
  readonly #strings = new Map<string, { readonly at: Pointer; readonly length: number }>();

  constructor(libc: Libc) {
    super(libc, scratchSlots);
    this.int32 = new Int32Array(this.view);
    this.int64 = new BigInt64Array(this.view);
    this.float32 = new Float32Array(this.view);
    this.bytes = new Uint8Array(this.view);
  }

  /** Writes numbers as int64 from the first slot on. @returns Their address. */
  putIntegers(values: ArrayLike<number>): Pointer {
    for (let at = 0; at < values.length; at++) this.int64[at] = BigInt(values[at] as number);
    return this.start;
  }

  /**
   * A C string that stays: names of ops and attributes, and their few values. @returns Its address,
   * and its length without the closing zero.
   */
  string(text: string): { readonly at: Pointer; readonly length: number } {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    const encoded = Buffer.from(`${text}\0`, 'utf8');
    const created = { at: this.libc.malloc(encoded.length), length: encoded.length - 1 };
    this.libc.copyIn(created.at, encoded, encoded.length);
    this.#strings.set(text, created);
    return created;
  }

  /** A copy of the contents of a TF_Buffer { const void* data; size_t length; … }. */
  copyBuffer(buffer: Pointer): Uint8Array {
    this.libc.copyOut(this.bytes.subarray(0, 16), buffer, 16);
    const bytes = new Uint8Array(this.pointerAt(1));
    this.libc.copyOut(bytes, this.pointerAt(0), bytes.length);
    return bytes;
  }
}
