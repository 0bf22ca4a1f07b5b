import * as tf from '@tensorflow/tfjs-core';
import { cpu } from '../candidates/cpu.ts';
import { wasm } from '../candidates/wasm.ts';
import { webgpu } from '../candidates/webgpu.ts';
import type { Platform } from '../start.ts';
import type { ProcessGroupOptions } from './cluster/options.ts';
import { tensorflow } from './tensorflow/candidate.ts';
import { registerThreadedWasm } from './wasm/threads.ts';
import { prepareWebgpu } from './webgpu.ts';

/** They remember what they have opened. */
const others = [webgpu(prepareWebgpu), wasm(registerThreadedWasm), cpu];

/** What can be started in Node. @param cluster For the engine that can compute with others. */
export const node = (cluster?: Required<ProcessGroupOptions>): Platform => ({
  candidates: [tensorflow(cluster), ...others],
  named: () => process.env.KD_ENGINE || undefined,
  async registerGradients() {
    // @tensorflow/tfjs-layers brings them too; some code may have replaced one since.
    if (tf.getGradient('Sum') !== undefined) return;
    await import(new URL('../../vendor/gradients.js', import.meta.url).href);
  },
});
