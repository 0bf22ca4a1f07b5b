import { expectedError } from '@kd/core';
import { startThread, threadEnding } from '@kd/core/node';
import {
  type DecodeOutcome,
  type DecodeResult,
  type NamedImage,
  prepareAll,
} from './decodeTask.ts';
import type { Preparation } from './prepareImage.ts';

/** Threads that decode images. */
export interface DecodePool {
  /** Tasks that keep every thread busy. */
  readonly tasks: number;
  /** Decodes images in one thread. */
  decode(images: readonly NamedImage[]): Promise<readonly DecodeOutcome[]>;
  /** Ends all threads; what they have not done is rejected. */
  close(): Promise<void>;
}

/**
 * Starts threads that decode. The files' bytes go to them and pixels come back by transfer, not by
 * copy.
 * @param workers Number of threads; 0: everything is done in this one.
 */
export function startDecodePool(workers: number, preparation: Preparation): DecodePool {
  if (workers === 0)
    return {
      // The decoder's own threads compute meanwhile.
      tasks: 4,
      decode: (images) => prepareAll(images, preparation),
      close: async () => {},
    };
  const threads = Array.from({ length: workers }, () => startDecodeThread(preparation));
  return {
    tasks: threads.length * tasksPerThread,
    decode(images) {
      const [first, ...others] = threads as [DecodeThread, ...DecodeThread[]];
      return others
        .reduce((least, thread) => (thread.pending < least.pending ? thread : least), first)
        .decode(images);
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

/** One is resized while the next are decoded. */
const tasksPerThread = 3;

interface DecodeThread {
  /** Tasks without an answer. */
  readonly pending: number;
  decode(images: readonly NamedImage[]): Promise<readonly DecodeOutcome[]>;
  close(): Promise<void>;
}

interface Waiting {
  resolve(outcomes: readonly DecodeOutcome[]): void;
  reject(error: Error): void;
}

function startDecodeThread(preparation: Preparation): DecodeThread {
  const ending = threadEnding(import.meta.url);
  const script = new URL(`./decodeWorker.${ending}`, import.meta.url);
  const worker = startThread(script, preparation);
  const waiting = new Map<number, Waiting>();
  let failure: Error | undefined;
  let tasks = 0;
  const fail = (error: Error) => {
    failure ??= error;
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  worker.on('message', ({ id, outcomes }: DecodeResult & { readonly id: number }) => {
    waiting.get(id)?.resolve(outcomes);
    waiting.delete(id);
  });
  worker.on('error', fail);
  worker.on('messageerror', fail);
  worker.on('exit', (code) =>
    fail(expectedError('decodeImages', 'threads that decode', `one that ended with ${code}`)),
  );
  return {
    get pending() {
      return waiting.size;
    },
    decode(images) {
      return new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        const id = tasks++;
        waiting.set(id, { resolve, reject });
        const owned = images.map(copyBytes);
        worker.postMessage({ id, images: owned }, owned.flatMap(buffersOf));
      });
    },
    async close() {
      await worker.terminate();
    },
  };
}

/** A view would take its whole buffer along, and the reader may need it. */
function copyBytes(image: NamedImage): NamedImage {
  if ('reason' in image) return image;
  const { name, stored } = image;
  return 'encoded' in stored
    ? { name, stored: { encoded: stored.encoded.slice() } }
    : { name, stored: { ...stored, pixels: stored.pixels.slice() } };
}

function buffersOf(image: NamedImage): ArrayBuffer[] {
  if ('reason' in image) return [];
  return ['encoded' in image.stored ? image.stored.encoded.buffer : image.stored.pixels.buffer];
}
