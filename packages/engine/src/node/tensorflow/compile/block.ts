import koffi from 'koffi';
import type { Libc, Pointer } from '../c/api.ts';

/** Some slots of 8 bytes in C memory, seen from JavaScript. */
export class Block {
  readonly #libc: Libc;
  readonly #at: Pointer;
  readonly #words: Uint32Array;

  constructor(libc: Libc, slots: number) {
    this.#libc = libc;
    this.#at = libc.malloc(slots * 8);
    const seen = koffi.view(BigInt(this.#at), slots * 8);
    this.#words = new Uint32Array(seen);
  }

  /** The address of a slot. */
  slot(index: number): Pointer {
    return this.#at + index * 8;
  }

  putPointer(slot: number, pointer: Pointer): void {
    this.#words[slot * 2] = pointer % 2 ** 32;
    this.#words[slot * 2 + 1] = Math.floor(pointer / 2 ** 32);
  }

  putInteger(slot: number, value: number): void {
    this.#words[slot * 2] = value;
  }

  pointerAt(slot: number): Pointer {
    return (this.#words[slot * 2 + 1] as number) * 2 ** 32 + (this.#words[slot * 2] as number);
  }

  free(): void {
    this.#libc.free(this.#at);
  }
}
