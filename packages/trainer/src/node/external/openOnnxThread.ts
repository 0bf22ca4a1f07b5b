import { expectedError } from '@kd/core';
import { startThread, threadEnding } from '@kd/core/node';
import type { OnnxRunOptions, OnnxSession, OnnxValue, RefusedProvider } from './onnxSession.ts';

/** What goes to the thread, with a buffer of its own. */
export interface OnnxRequest {
  readonly id: number;
  readonly input: OnnxValue;
  readonly names: readonly string[];
}

interface Failure {
  readonly failed: string;
  readonly isRange: boolean;
}

/** The first message of the thread. */
export type OnnxOpened =
  | {
      readonly outputs: readonly string[];
      readonly provider: string;
      readonly refused: readonly RefusedProvider[];
    }
  | Failure;

/** What became of a request. */
export type OnnxAnswer = { readonly id: number } & (
  | { readonly values: Record<string, OnnxValue> }
  | Failure
);

/** Inputs and outputs of more batches would only wait. */
const mostUnderWay = 2;

interface Waiting {
  resolve(values: Record<string, OnnxValue>): void;
  reject(error: Error): void;
}

/**
 * Opens a model in a thread of its own: ONNX Runtime holds the thread that calls it until the
 * outputs are there. Inputs and outputs change hands without a copy; the process may end while
 * nothing runs.
 * @param bytes The file, which goes to the thread and is empty here afterwards.
 * @throws RangeError as `openOnnx` does.
 */
export async function openOnnxThread(
  bytes: Uint8Array<ArrayBuffer>,
  options: OnnxRunOptions,
): Promise<OnnxSession> {
  const { caller } = options;
  const script = new URL(`./onnxThread.${threadEnding(import.meta.url)}`, import.meta.url);
  const thread = startThread(script, { bytes, ...options }, [bytes.buffer]);
  const waiting = new Map<number, Waiting>();
  const free: (() => void)[] = [];
  const state: { failure?: Error; requests: number } = { requests: 0 };
  const ended = new Promise<void>((resolve) => void thread.once('exit', () => resolve()));
  const settle = (id: number): Waiting | undefined => {
    const one = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) thread.unref();
    free.shift()?.();
    return one;
  };
  const opened = await new Promise<Exclude<OnnxOpened, Failure>>((resolve, reject) => {
    const fail = (error: Error) => {
      state.failure ??= error;
      reject(state.failure);
      for (const id of [...waiting.keys()]) settle(id)?.reject(state.failure);
    };
    thread.on('message', (message: OnnxOpened | OnnxAnswer) => {
      if ('id' in message) {
        const one = settle(message.id);
        if ('failed' in message) one?.reject(errorOf(message));
        else one?.resolve(message.values);
      } else if ('failed' in message) {
        thread.postMessage('close');
        fail(errorOf(message));
      } else {
        thread.unref();
        resolve(message);
      }
    });
    thread.on('error', ({ message }: Error) => fail(endedWith(message)));
    thread.on('exit', (code) => fail(endedWith(`exit code ${code}`)));
  });

  function endedWith(how: string): RangeError {
    return expectedError(caller, 'a thread that runs the model', `one that ended: ${how}`);
  }

  return {
    ...opened,
    async run({ data, dims }, names) {
      while (waiting.size >= mostUnderWay)
        await new Promise<void>((resolve) => {
          free.push(resolve);
        });
      if (state.failure !== undefined) throw state.failure;
      // The thread takes the buffer, which may be the tensor's own.
      const input = { data: data.slice(), dims };
      return new Promise((resolve, reject) => {
        const id = state.requests++;
        waiting.set(id, { resolve, reject });
        thread.ref();
        thread.postMessage({ id, input, names }, [input.data.buffer]);
      });
    },
    // A thread that is terminated while ONNX Runtime computes takes the process with it (1.30): it
    // ends by itself, after the run under way.
    close() {
      state.failure ??= endedWith('it was disposed of');
      for (const id of [...waiting.keys()]) settle(id)?.reject(state.failure);
      thread.ref();
      thread.postMessage('close');
      return ended;
    },
  };
}

function errorOf({ failed, isRange }: Failure): Error {
  return isRange ? new RangeError(failed) : new Error(failed);
}
