import type { CompiledFunction } from '@kd/core';
import type { CompilingBackend } from '@kd/core/internal';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';

/** One compiled function, as an engine that traces would see it. */
export interface Counted {
  calls: number;
  /** Structure, types and shapes of the arguments: each is one trace. */
  readonly signatures: Set<string>;
}

/**
 * The cpu engine as one that compiles: it counts what would be traced, and `later` lets the event
 * loop turn before it computes.
 */
export class CountingBackend extends MathBackendCPU implements CompilingBackend {
  readonly compiled: Counted[] = [];

  compile<Arguments extends readonly tf.TensorContainer[], Result extends tf.TensorContainer>(
    run: (...args: Arguments) => Result,
  ): CompiledFunction<Arguments, Result> {
    const counted: Counted = { calls: 0, signatures: new Set() };
    this.compiled.push(counted);
    const call = (...args: Arguments): Result => {
      counted.calls += 1;
      counted.signatures.add(signatureOf(args));
      return run(...args);
    };
    const later = async (...args: Arguments): Promise<Result> => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return call(...args);
    };
    return Object.assign(call, { callAsync: later });
  }
}

/** Makes a counting backend the current one while `run` runs. */
export async function whileCounting(
  run: (backend: CountingBackend) => Promise<void>,
): Promise<void> {
  const before = tf.getBackend();
  const backend = new CountingBackend();
  tf.registerBackend('counting', () => backend);
  tf.copyRegisteredKernels('cpu', 'counting');
  await tf.setBackend('counting');
  try {
    await run(backend);
  } finally {
    await tf.setBackend(before);
    tf.removeBackend('counting');
    for (const { kernelName } of tf.getKernelsForBackend('counting'))
      tf.unregisterKernel(kernelName, 'counting');
  }
}

function signatureOf(args: readonly tf.TensorContainer[]): string {
  return JSON.stringify(args, (_, value) =>
    value instanceof tf.Tensor ? `${value.dtype}[${value.shape}]` : value,
  );
}
