import type { EngineProvider, OpenedEngine } from '../contracts.ts';
import { registerBatchNorm } from '../kernels/batchNorm.ts';
import { addImagesTensor } from '../kernels/imagesTensor.ts';
import { registerMatMul } from '../kernels/matMul.ts';
import { registerMissingKernels } from '../kernels/missingKernels.ts';
import { registerPooledReductions } from '../kernels/pooledReductions.ts';
import { registerPoolGradients } from '../kernels/poolGradients.ts';
import { registerSliceInPlace } from '../kernels/sliceInPlace.ts';
import { registerZeroCopyIdentity } from '../kernels/zeroCopyIdentity.ts';

type Upstream = typeof import('@tensorflow/tfjs-backend-wasm');

/**
 * WebAssembly with SIMD, with the training kernels that upstream lacks.
 * @param prepare Prepares upstream where it does not find its own files. @returns The number of
 * threads.
 */
export function wasm(
  prepare: (upstream: Upstream) => Promise<number> = async () => 1,
): EngineProvider {
  const opening = new Map<'wasm', Promise<OpenedEngine>>();
  const load = async (): Promise<OpenedEngine> => {
    const upstream = await import('@tensorflow/tfjs-backend-wasm');
    const threads = await prepare(upstream);
    // Upstream's input gradient is a plain loop: 12 to 20 times slower than a forward convolution.
    registerMissingKernels('wasm', ['Conv2DBackpropInput']);
    registerMatMul('wasm');
    registerZeroCopyIdentity('wasm');
    registerSliceInPlace('wasm');
    registerPooledReductions('wasm');
    registerBatchNorm('wasm');
    registerPoolGradients('wasm');
    addImagesTensor(upstream.BackendWasm);
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
