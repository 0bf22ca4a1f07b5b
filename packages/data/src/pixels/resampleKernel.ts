/**
 * The loops of `resample` as WebAssembly with vectors: a photograph of 500 × 375 takes a fifth of
 * the time of the same loops in JavaScript. The source is `resampleKernel.c` beside this file.
 */

/** Sizes and positions in memory, in bytes or numbers as in `resampleKernel.c`. */
type Pass = (
  pixels: number,
  stride: number,
  count: number,
  first: number,
  counts: number,
  weights: number,
  most: number,
  length: number,
  result: number,
) => void;

/** Memory of WebAssembly, in pages of 64 KiB. */
export interface KernelMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What is used of a global object that is everywhere, but only in the types of the DOM. */
declare const WebAssembly: {
  readonly Memory: new (options: { initial: number }) => KernelMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

export interface ResampleKernel {
  readonly memory: KernelMemory;
  /** Along the width, three channels: `count` rows to `length` new columns. */
  readonly columns3: Pass;
  /** The same for one channel. */
  readonly columns1: Pass;
  /** Along the height: `count` new rows of `length` bytes. */
  readonly rows: Pass;
}

/** Start of the memory that is free to use: the compiler's stack lies before it. */
export const freeMemory = 2 ** 16;

/** Creates the functions with a memory of their own. */
export function createResampleKernel(): ResampleKernel {
  const memory = new WebAssembly.Memory({ initial: 2 });
  const bytes = Uint8Array.from(atob(compiled), (character) => character.charCodeAt(0));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const { columns3, columns1, rows } = exports as ResampleKernel;
  return { memory, columns3, columns1, rows };
}

/**
 * `resampleKernel.c` in base64. Clang 22.1.8 (`pip install ziglang==0.17.1`): python -m ziglang cc
 * -target wasm32-freestanding -O3 -msimd128 -nostdlib -Wl,--no-entry -Wl,--import-memory
 * -Wl,--strip-all -Wl,-z,stack-size=4096 resampleKernel.c -o resampleKernel.wasm
 */
const compiled =
  'AGFzbQEAAAABDQFgCX9/f39/f39/fwACDwEDZW52Bm1lbW9yeQIAAQMEAwAAAAQFAXABAQEGBwF/AUGAIAsHHgMIY2' +
  '9sdW1uczMAAAhjb2x1bW5zMQABBHJvd3MAAgrYCQOOAwMFfwF7An8CQCACQQFIDQBBACEJIAdBAUghCgNAAkAgCg0A' +
  'QQAhCwNAAkACQCAEIAtBAnQiDGooAgAiDUEBTg0A/QwAAAAAAAAAAAAAAAAAAAAAIQ4MAQsgBSALIAZsQQJ0aiEPIA' +
  'AgAyAMaigCAEEDbGohDAJAAkAgDUEBcQ0A/QwAACAAAAAgAAAAIAAAACAAIQ4gDSEQDAELIA1Bf2ohECAP/QkAACAM' +
  '/VwAAP2JAf2pAf21Af0MAAAgAAAAIAAAACAAAAAgAP2uASEOIA9BBGohDyAMQQNqIQwLAkAgDUEBRg0AIBBBAmohDQ' +
  'NAIA9BBGr9CQAAIAxBA2r9XAAA/YkB/akB/bUBIA/9CQAAIAz9XAAA/YkB/akB/bUBIA79rgH9rgEhDiAPQQhqIQ8g' +
  'DEEGaiEMIA1BfmoiDUECSg0ACwsgDkEW/awBIQ4LIAggDiAO/YUBIg4gDv1m/VoAAAAgCEEDaiEIIAtBAWoiCyAHRw' +
  '0ACwsgACABaiEAIAlBAWoiCSACRw0ACwsLvgMDBX8BewJ/AkAgAkEBSA0AQQAhCSAHQQFIIQoDQAJAIAoNAEEAIQsD' +
  'QAJAAkAgBCALQQJ0IgxqKAIAIg1BAU4NAP0MAAAgAAAAAAAAAAAAAAAAACEODAELIAUgCyAGbEECdGohDyAAIAMgDG' +
  'ooAgBqIQwCQAJAIA1Bf2pBBHFFDQD9DAAAIAAAAAAAAAAAAAAAAAAhDiANIRAMAQsgDUF8aiEQIA/9AAAAIAz9XAAA' +
  '/YkB/akB/bUB/QwAACAAAAAAAAAAAAAAAAAA/a4BIQ4gD0EQaiEPIAxBBGohDAsgDUEFSQ0AIBBBCGohDQNAIA9BEG' +
  'r9AAAAIAxBBGr9XAAA/YkB/akB/bUBIA/9AAAAIAz9XAAA/YkB/akB/bUBIA79rgH9rgEhDiAPQSBqIQ8gDEEIaiEM' +
  'IA1BeGoiDUEISg0ACwsgCCAOIA4gDv0NCAkKCwwNDg8AAQIDBAUGB/2uASIOIA4gDv0NBAUGBwABAgMMDQ4PCAkKC/' +
  '2uAUEW/awBIg4gDv2FASIOIA79Zv1YAAAAIAhBAWohCCALQQFqIgsgB0cNAAsLIAAgAWohACAJQQFqIgkgAkcNAAsL' +
  'C4UDBAd/BHsBfwN7AkAgAkEBSA0AIAZBAnQhCUEAIQogB0EBSCELA0ACQCALDQAgACADIApBAnQiBmooAgAgAWxqIQ' +
  'wgBCAGaiENQQAhDgNAAkACQCANKAIAIg9BAU4NAP0MAAAAAAAAAAAAAAAAAAAAACIQIREgECESIBAhEwwBCyAMIA5q' +
  'IQYgBSEU/QwAACAAAAAgAAAAIAAAACAAIhEhEiARIRUgESEWA0AgFP0JAAAiECAG/QAAACIT/YoBIhf9qgH9tQEgEf' +
  '2uASERIBAgF/2pAf21ASAS/a4BIRIgECAT/YkBIhP9qgH9tQEgFf2uASEVIBAgE/2pAf21ASAW/a4BIRYgFEEEaiEU' +
  'IAYgAWohBiAPQX9qIg8NAAsgEUEW/awBIRMgEkEW/awBIRIgFUEW/awBIREgFkEW/awBIRALIAggDmogECAR/YUBIB' +
  'IgE/2FAf1m/QsAACAOQRBqIg4gB0gNAAsLIAUgCWohBSAIIAdqIQggCkEBaiIKIAJHDQALCws=';
