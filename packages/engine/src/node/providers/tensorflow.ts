import * as tf from '@tensorflow/tfjs-core';
import type { EngineProvider, OpenedEngine } from '../../contracts.ts';
import type { ProcessGroupOptions } from '../distributed/options.ts';
import { initProcessGroup } from '../distributed/processGroup.ts';
import { locateLibrary } from '../library/locateLibrary.ts';
import { createBackend } from '../tensorflow/backend.ts';
import { Binding } from '../tensorflow/binding/binding.ts';
import { loadVendoredKernels } from '../tensorflow/binding/vendoredBackend.ts';
import { openRuntime } from '../tensorflow/capi/runtime.ts';
import { registerBatchNorm } from '../tensorflow/kernels/batchNorm.ts';
import { registerBiasAdd, registerReluGradient } from '../tensorflow/kernels/biasAndRelu.ts';
import {
  registerExplicitPadding,
  registerFusedConvolution,
} from '../tensorflow/kernels/convolution.ts';
import {
  registerMissingOps,
  registerRandomUniform,
  registerTracedGather,
} from '../tensorflow/kernels/missingOps.ts';
import { registerExplicitPooling, registerPaddedPools } from '../tensorflow/kernels/pooling.ts';

/** The engine, once it has been opened in this process, and the group that it was opened in. */
const opened: { engine?: OpenedEngine; group?: string | undefined } = {};

/**
 * libtensorflow through its C API, opened once in a process. @param processGroup Processes that it
 * computes together with.
 */
export const tensorflow = (processGroup?: Required<ProcessGroupOptions>): EngineProvider => ({
  name: 'tensorflow',
  async open() {
    const group = JSON.stringify(processGroup);
    if (opened.engine !== undefined) {
      if (group === undefined || group === opened.group) return opened.engine;
      return {
        reason:
          'it was started before, outside of this process group; name the group at the first start',
      };
    }
    const found = locateLibrary();
    if ('reason' in found)
      return { reason: `${found.reason}; \`npx kd-engine install\` installs it` };
    const kernels = await loadVendoredKernels();
    const { runtime, settings } = openRuntime(found.directory, processGroup);
    const binding = new Binding(runtime);
    tf.registerBackend('tensorflow', () => createBackend(kernels, binding), 3);
    registerKernels();
    const engine: OpenedEngine = {
      version: binding.TF_Version,
      device: binding.isUsingGpuDevice() ? 'GPU:0' : 'CPU',
      threads: settings.threads,
      notes: settings.oneDnn ? ['oneDNN'] : ['without oneDNN'],
      ...(processGroup === undefined ? {} : { group: initProcessGroup(runtime, processGroup) }),
    };
    Object.assign(opened, { engine, group });
    return engine;
  },
});

/** Registers our kernels: each may replace one that was registered before it. */
function registerKernels(): void {
  registerReluGradient();
  registerBiasAdd();
  registerBatchNorm();
  registerExplicitPadding();
  registerExplicitPooling();
  registerFusedConvolution();
  registerPaddedPools();
  registerMissingOps();
  registerRandomUniform();
  registerTracedGather();
}
