import * as tf from '@tensorflow/tfjs-core';
import { cpu } from '../../providers/cpu.ts';
import { wasm } from '../../providers/wasm.ts';
import { webgpu } from '../../providers/webgpu.ts';
import type { Platform } from '../../startEngine.ts';
import type { ProcessGroupOptions } from '../distributed/options.ts';
import { tensorflow } from './tensorflow.ts';
import { registerThreadedWasm } from './wasmThreads.ts';
import { prepareWebgpu } from './webgpu.ts';

/** Created once, since each keeps what it has opened. */
const others = [webgpu(prepareWebgpu), wasm(registerThreadedWasm), cpu];

/** The engines of Node. @param processGroup Processes that `tensorflow` computes together with. */
export const nodePlatform = (processGroup?: Required<ProcessGroupOptions>): Platform => ({
  providers: [tensorflow(processGroup), ...others],
  requestedEngine: () => process.env.KD_ENGINE || undefined,
  async registerGradients() {
    // @tensorflow/tfjs-layers registers them too; some code may have replaced one since.
    if (tf.getGradient('Sum') !== undefined) return;
    await import(new URL('../../../vendor/gradients.js', import.meta.url).href);
  },
});
