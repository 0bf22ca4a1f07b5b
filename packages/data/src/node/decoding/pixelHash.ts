import { createHash } from 'node:crypto';
import { blockBytes, wholeBytes } from '../../imageRows.ts';

/** Computes what `hashPixels` does of bytes that come one after the other. */
export interface PixelHash {
  /** Digests of the whole blocks so far. */
  readonly digests: readonly string[];
  update(bytes: Uint8Array): void;
  /** Returns 64 hexadecimal digits. Nothing may follow. */
  digest(): string;
}

/**
 * Starts a hash.
 * @param digests Blocks that are hashed already, if they are more than `wholeBytes`: their bytes
 * are not given again.
 */
export function pixelHash(digests: readonly string[] = []): PixelHash {
  const blocks = [...digests];
  let block = createHash('sha256');
  let inBlock = 0;
  let total = blocks.length * blockBytes;
  // Whether the bytes are hashed as one piece is known at their end only.
  const whole = total === 0 ? createHash('sha256') : undefined;
  return {
    digests: blocks,
    update(bytes) {
      if (total + bytes.length <= wholeBytes) whole?.update(bytes);
      total += bytes.length;
      for (let from = 0; from < bytes.length; ) {
        const part = bytes.subarray(from, from + blockBytes - inBlock);
        block.update(part);
        inBlock += part.length;
        from += part.length;
        if (inBlock < blockBytes) continue;
        blocks.push(block.digest('hex'));
        block = createHash('sha256');
        inBlock = 0;
      }
    },
    digest() {
      if (total <= wholeBytes && whole !== undefined) return whole.digest('hex');
      if (inBlock > 0) blocks.push(block.digest('hex'));
      return createHash('sha256').update(blocks.join('\n')).digest('hex');
    },
  };
}
