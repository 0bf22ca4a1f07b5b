/** A thread that decodes images: answers every `DecodeTask` with a `DecodeResult`. */
import { parentPort, workerData } from 'node:worker_threads';
import { type DecodeResult, type DecodeTask, prepareAll } from './decodeTask.ts';
import type { Preparation } from './prepareImage.ts';

const preparation = workerData as Preparation;

parentPort?.on('message', async ({ id, images }: DecodeTask & { readonly id: number }) => {
  const outcomes = (await prepareAll(images, preparation)).map((outcome) =>
    // A view would be sent with all of its buffer.
    'pixels' in outcome && outcome.pixels.byteLength < outcome.pixels.buffer.byteLength
      ? { ...outcome, pixels: outcome.pixels.slice() }
      : outcome,
  );
  const buffers = outcomes.flatMap((outcome) => ('pixels' in outcome ? outcome.pixels.buffer : []));
  const result: DecodeResult & { readonly id: number } = { id, outcomes };
  parentPort?.postMessage(result, buffers);
});
