/**
 * Counter-based random numbers: each depends on (seed, stream, index) only. There is no generator
 * with a state, and the numbers are the same on every engine and in every order.
 * Philox 4×32, 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 */

/**
 * Draws four unsigned 32-bit integers at once.
 * @param index Number of the block of four. @param out Receives them, without an allocation.
 */
export function philox4x32(seed: number, stream: number, index: number, out: Uint32Array): void {
  philox(index | 0, (index / 2 ** 32) | 0, stream | 0, 0, seed | 0, (seed / 2 ** 32) | 0, out);
}

const block = new Uint32Array(4);

/** Draws an unsigned 32-bit integer. */
export function randomUint32(seed: number, stream: number, index: number): number {
  philox4x32(seed, stream, Math.floor(index / 4), block);
  return block[index % 4] as number;
}

/** Draws a uniform number in [0, 1), a multiple of 2⁻³². */
export function uniform(seed: number, stream: number, index: number): number {
  return randomUint32(seed, stream, index) / 2 ** 32;
}

/** Draws a standard normal number. */
export function normal(seed: number, stream: number, index: number): number {
  return boxMuller(uniform(seed, stream, 2 * index), uniform(seed, stream, 2 * index + 1));
}

/**
 * Turns two uniform numbers in [0, 1) into a standard normal one (Box and Muller, "A note on the
 * generation of random normal deviates", 1958).
 */
export function boxMuller(first: number, second: number): number {
  return Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second);
}

/**
 * Hashes a name to an unsigned 32-bit integer (FNV-1a), so that random streams can be called by
 * what they are for.
 */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/**
 * Derives a seed from another seed, for something that needs a seed of its own.
 * @param stream Name of the random stream. @returns An unsigned 32-bit integer.
 */
export function deriveSeed(seed: number, stream: string, index: number): number {
  return randomUint32(seed, hashName(stream), index);
}

/** Returns 0 … count − 1 in a seeded order (Fisher–Yates). */
export function permutation(seed: number, stream: number, count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at--) {
    const other = Math.floor(uniform(seed, stream, at) * (at + 1));
    const moved = order[at] as number;
    order[at] = order[other] as number;
    order[other] = moved;
  }
  return order;
}

/**
 * The block function of Philox 4×32-10: maps four counter words and two key words to four words.
 */
export function philox(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array,
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c2 = high0 ^ c3 ^ k1;
    c1 = low1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/**
 * Returns the upper 32 bits of the product of two unsigned 32-bit integers. All intermediate values
 * fit in 32 bits: larger ones would be allocated on the heap.
 */
function multiplyHigh(a: number, b: number): number {
  const [aLow, aHigh] = [a & 0xffff, a >>> 16];
  const [bLow, bHigh] = [b & 0xffff, b >>> 16];
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const cross = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}
