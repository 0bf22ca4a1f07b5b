import * as tf from '@tensorflow/tfjs-core';
import type { Engine } from './contracts.ts';
import { cpu } from './providers/cpu.ts';
import { wasm } from './providers/wasm.ts';
import { webgpu } from './providers/webgpu.ts';
import { type Platform, type StartOptions, startEngineOn } from './startEngine.ts';

export type { Engine, EngineName, Unavailable } from './contracts.ts';
export type { StartOptions } from './startEngine.ts';

const browser: Platform = {
  providers: [
    webgpu(async () =>
      tf.findBackendFactory('webgpu') === null
        ? "it needs import '@tensorflow/tfjs-backend-webgpu'"
        : undefined,
    ),
    wasm(),
    cpu,
  ],
  requestedEngine: () => undefined,
  async registerGradients() {
    if (tf.getGradient('Sum') !== undefined) return;
    await import('@tensorflow/tfjs-core/dist/register_all_gradients.js');
  },
};

/**
 * Starts the fastest engine that trains here and makes TensorFlow.js compute on it. Several can be
 * started; the last one is current.
 */
export function startEngine(options: StartOptions = {}): Promise<Engine> {
  return startEngineOn(browser, options);
}
