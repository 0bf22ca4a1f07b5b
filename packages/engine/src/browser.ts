import * as tf from '@tensorflow/tfjs-core';
import { cpu } from './candidates/cpu.ts';
import { wasm } from './candidates/wasm.ts';
import { webgpu } from './candidates/webgpu.ts';
import type { Engine } from './contracts.ts';
import { type Platform, type StartOptions, startOn } from './start.ts';

export type { Engine, EngineName, Unavailable } from './contracts.ts';
export type { StartOptions } from './start.ts';

const browser: Platform = {
  candidates: [
    webgpu(async () =>
      tf.findBackendFactory('webgpu') === null
        ? "it needs import '@tensorflow/tfjs-backend-webgpu'"
        : undefined,
    ),
    wasm(),
    cpu,
  ],
  named: () => undefined,
  async registerGradients() {
    if (tf.getGradient('Sum') !== undefined) return;
    await import('@tensorflow/tfjs-core/dist/register_all_gradients.js');
  },
};

/**
 * Starts the quickest engine that trains here and makes TensorFlow.js compute on it. Several can be
 * started; the last is current.
 */
export function startEngine(options: StartOptions = {}): Promise<Engine> {
  return startOn(browser, options);
}
