import zlib from 'node:zlib';
import type { Compressors } from 'hyparquet/src/types.js';
import { compressors } from 'hyparquet-compressors';

type Decompress = (input: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

/** Bounds the output of one of Node's decompressors, so that no page becomes larger than it says. */
function bounded(decompress: Decompress): NonNullable<Compressors['GZIP']> {
  return (input, length) => decompress(input, { maxOutputLength: Math.max(length, 1) });
}

const { zstdDecompressSync } = zlib as { zstdDecompressSync?: Decompress };

/**
 * Decompressors of parquet pages by codec: Node's own where it has them (zstd since Node 22.15),
 * which are several times faster.
 */
export const decompressors: Compressors = {
  ...compressors,
  // Files of the codec GZIP have either header, of gzip or of zlib.
  GZIP: bounded(zlib.unzipSync),
  BROTLI: bounded(zlib.brotliDecompressSync),
  ...(zstdDecompressSync && { ZSTD: bounded(zstdDecompressSync) }),
};
