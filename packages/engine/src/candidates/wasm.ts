import type { Candidate } from '../contracts.ts';
import { registerBatchNorm } from '../kernels/batchNorm.ts';
import { quickenMatMul } from '../kernels/matMul.ts';
import { quickenPoolGradients } from '../kernels/poolGradients.ts';
import { reduceByPooling } from '../kernels/reduce.ts';
import { registerComposedKernels } from '../kernels/register.ts';
import { shareCopies } from '../kernels/sharedCopies.ts';

/** WebAssembly with SIMD, and with the training kernels that it lacks. @param wasmFolder Where its .wasm files lie, ending in a slash; a bundler's own where it is left out. */
export function wasm(wasmFolder?: () => string): Candidate {
  const opening = new Map<'wasm', Promise<string>>();
  const load = async (): Promise<string> => {
    const backend = await import('@tensorflow/tfjs-backend-wasm');
    if (wasmFolder !== undefined) backend.setWasmPaths(wasmFolder());
    // Upstream's input gradient is a plain loop: 12 to 20 times slower than a forward convolution.
    registerComposedKernels('wasm', ['Conv2DBackpropInput']);
    quickenMatMul('wasm');
    shareCopies('wasm');
    reduceByPooling('wasm');
    registerBatchNorm('wasm');
    quickenPoolGradients('wasm');
    return backend.version_wasm;
  };
  return {
    name: 'wasm',
    async open() {
      const version = await (opening.get('wasm') ?? opening.set('wasm', load()).get('wasm'));
      return { version: version as string, device: 'CPU', threads: 1, notes: ['WebAssembly'] };
    },
  };
}
