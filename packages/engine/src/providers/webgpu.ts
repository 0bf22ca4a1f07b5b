import * as tf from '@tensorflow/tfjs-core';
import type { EngineProvider, OpenedEngine } from '../contracts.ts';
import { registerMissingKernels } from '../kernels/missingKernels.ts';

/** The part of a WebGPU adapter (`GPUAdapter`) that is used. */
interface Adapter {
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
}

/**
 * A GPU through WebGPU. @param prepare Makes `@tensorflow/tfjs-backend-webgpu` register itself;
 * returns the reason if it cannot.
 */
export function webgpu(prepare: () => Promise<string | undefined>): EngineProvider {
  return {
    name: 'webgpu',
    async open() {
      const missing = await prepare();
      if (missing !== undefined) return { reason: missing };
      if (tf.findBackendFactory('webgpu') === null)
        return { reason: '@tensorflow/tfjs-backend-webgpu has registered no backend here' };
      const adapter = await findAdapter();
      if (adapter === null)
        return {
          reason:
            'there is no adapter: install the driver of a GPU (on Linux one for Vulkan), or one in software',
        };
      registerMissingKernels('webgpu');
      return {
        version: tf.version_core,
        threads: 1,
        notes: ['WebGPU'],
        ...describeAdapter(adapter),
      };
    },
  };
}

async function findAdapter(): Promise<Adapter | null> {
  const { gpu } = Reflect.get(globalThis, 'navigator') as {
    gpu: { requestAdapter(options: object): Promise<Adapter | null> };
  };
  return gpu.requestAdapter({ powerPreference: 'high-performance' });
}

/**
 * Describes the adapter. SwiftShader and Mesa's lavapipe compute on the CPU, slower than wasm by
 * two orders of magnitude: they start only if webgpu is named.
 */
function describeAdapter({ info = {} }: Adapter): Pick<OpenedEngine, 'device' | 'onlyIfNamed'> {
  const { vendor, architecture, device, description, isFallbackAdapter } = info;
  const name =
    description || device || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed';
  const inSoftware =
    isFallbackAdapter ||
    /swiftshader|llvmpipe|lavapipe/i.test([architecture, device, description].join(' '));
  return inSoftware
    ? {
        device: `software: ${name}`,
        onlyIfNamed: `its adapter is software (${name}), slower than wasm`,
      }
    : { device: `GPU: ${name}` };
}
