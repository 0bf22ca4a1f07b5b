import type { EngineProvider, Opened } from '../contracts.ts';
import { registerBatchNorm } from '../kernels/batchNorm.ts';
import { quickenMatMul } from '../kernels/matMul.ts';
import { quickenPoolGradients } from '../kernels/poolGradients.ts';
import { reduceByPooling } from '../kernels/reduce.ts';
import { registerComposedKernels } from '../kernels/register.ts';
import { shareCopies } from '../kernels/sharedCopies.ts';
import { sliceInHeap } from '../kernels/slice.ts';

type Upstream = typeof import('@tensorflow/tfjs-backend-wasm');

/**
 * WebAssembly with SIMD, and with the training kernels that it lacks.
 * @param prepare Gets it ready where it does not find its own files. @returns How many threads an
 * operation may use.
 */
export function wasm(
  prepare: (upstream: Upstream) => Promise<number> = async () => 1,
): EngineProvider {
  const opening = new Map<'wasm', Promise<Opened>>();
  const load = async (): Promise<Opened> => {
    const upstream = await import('@tensorflow/tfjs-backend-wasm');
    const threads = await prepare(upstream);
    // Upstream's input gradient is a plain loop: 12 to 20 times slower than a forward convolution.
    registerComposedKernels('wasm', ['Conv2DBackpropInput']);
    quickenMatMul('wasm');
    shareCopies('wasm');
    sliceInHeap('wasm');
    reduceByPooling('wasm');
    registerBatchNorm('wasm');
    quickenPoolGradients('wasm');
    return { version: upstream.version_wasm, device: 'CPU', threads, notes: ['WebAssembly'] };
  };
  return {
    name: 'wasm',
    async open() {
      const opened = opening.get('wasm') ?? load();
      opening.set('wasm', opened);
      return opened;
    },
  };
}
