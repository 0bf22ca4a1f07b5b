/**
 * Random numbers that depend on (seed, stream, index) only: no generator to carry about, none to
 * advance, the same on every engine and in every order.
 * Philox 4×32, 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 */

/** Four unsigned 32-bit draws at once. @param out Where they go: no allocation in a hot loop. */
export function philox4x32(seed: number, stream: number, index: number, out: Uint32Array): void {
  philox(index | 0, (index / 2 ** 32) | 0, stream | 0, 0, seed | 0, (seed / 2 ** 32) | 0, out);
}

const block = new Uint32Array(4);

/** @returns An unsigned 32-bit integer. */
export function randomUint32(seed: number, stream: number, index: number): number {
  philox4x32(seed, stream, Math.floor(index / 4), block);
  return block[index % 4] as number;
}

/** @returns In [0, 1), a multiple of 2⁻³². */
export function uniform(seed: number, stream: number, index: number): number {
  return randomUint32(seed, stream, index) / 2 ** 32;
}

/** @returns A standard normal draw (Box–Muller). */
export function normal(seed: number, stream: number, index: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, stream, 2 * index)));
  return radius * Math.cos(2 * Math.PI * uniform(seed, stream, 2 * index + 1));
}

/**
 * A number of stream for a name, so that streams can be called what they are for. @returns An
 * unsigned 32-bit integer (FNV-1a).
 */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/**
 * A new seed from a seed and a number, for things that want a seed of their own. @returns An
 * unsigned 32-bit integer.
 */
export function deriveSeed(seed: number, stream: string, index: number): number {
  return randomUint32(seed, hashName(stream), index);
}

/** 0 … count − 1 in a seeded order (Fisher–Yates). */
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
 * The block function itself: four counter words and two key words in, four words out. For this
 * package's tests.
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
 * The upper 32 bits of the product of two unsigned 32-bit integers, in whole numbers of 32 bits
 * alone: what is larger would be allocated.
 */
function multiplyHigh(a: number, b: number): number {
  const [aLow, aHigh] = [a & 0xffff, a >>> 16];
  const [bLow, bHigh] = [b & 0xffff, b >>> 16];
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const cross = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}
