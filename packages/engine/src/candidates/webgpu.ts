import * as tf from '@tensorflow/tfjs-core';
import type { Candidate } from '../contracts.ts';
import { registerComposedKernels } from '../kernels/register.ts';

/** A GPU through WebGPU, where `@tensorflow/tfjs-backend-webgpu` has registered itself. @param prepare Brings that about, or says why it cannot. */
export function webgpu(prepare: () => Promise<string | undefined>): Candidate {
  return {
    name: 'webgpu',
    async open() {
      const missing = await prepare();
      if (missing !== undefined) return { reason: missing };
      if (tf.findBackendFactory('webgpu') === null) return { reason: '@tensorflow/tfjs-backend-webgpu has registered no backend here' };
      registerComposedKernels('webgpu');
      return { version: tf.version_core, device: 'GPU', threads: 1, notes: ['WebGPU'] };
    },
  };
}
