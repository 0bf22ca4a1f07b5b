/** A thread that runs an ONNX model: answers every `OnnxRequest` with an `OnnxAnswer`. */
import { parentPort, workerData } from 'node:worker_threads';
import { type OnnxRunOptions, type OnnxValue, openOnnx } from './onnxSession.ts';
import type { OnnxAnswer, OnnxOpened, OnnxRequest } from './openOnnxThread.ts';

interface Start extends OnnxRunOptions {
  readonly bytes: Uint8Array;
}

const { bytes, ...options } = workerData as Start;
const opening = openOnnx(bytes, options);
opening.then(
  ({ outputs, provider, refused }) => send({ outputs, provider, refused }),
  (error: Error) => send(failure(error)),
);

parentPort?.on('message', async (request: OnnxRequest | 'close') => {
  if (request === 'close') {
    await opening.then(({ close }) => close()).catch(() => {});
    parentPort?.close();
    return;
  }
  const { id, input, names } = request;
  try {
    const values = await (await opening).run(input, names);
    const owned = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, withOwnBuffer(value)]),
    );
    const buffers = Object.values(owned).map(({ data }) => data.buffer as ArrayBuffer);
    send({ id, values: owned }, [...new Set(buffers)]);
  } catch (error) {
    send({ id, ...failure(error as Error) });
  }
});

function send(message: OnnxOpened | OnnxAnswer, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

/** Errors lose their class on the way. */
function failure({ message, name }: Error) {
  return { failed: message, isRange: name === 'RangeError' };
}

/** ONNX Runtime may still own what it returned, and a view would take its whole buffer along. */
function withOwnBuffer({ data, dims }: OnnxValue): OnnxValue {
  return { data: data.slice(), dims };
}
