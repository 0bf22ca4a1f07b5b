import * as tf from '@tensorflow/tfjs-core';
import type { EngineProvider, Opened } from '../../contracts.ts';
import { joinCluster } from '../cluster/join.ts';
import type { ProcessGroupOptions } from '../cluster/options.ts';
import { addMissingOps } from './added/ops.ts';
import { addPaddedPools } from './added/paddedPools.ts';
import { makeBackend } from './backend.ts';
import { findTensorflow } from './find.ts';
import { loadNodeKernels } from './kernels.ts';
import { openTensorflow } from './open.ts';
import { registerBatchNorm } from './quick/batchNorm.ts';
import { quickenBias } from './quick/bias.ts';
import { addExplicitPadding } from './quick/explicitPadding.ts';
import { addExplicitPooling } from './quick/explicitPooling.ts';
import { addFusedConvolution } from './quick/fusedConvolution.ts';
import { quickenRelu } from './quick/relu.ts';
import { registerRandomUniform } from './randomUniform.ts';
import { addTracedGather } from './trace/gather.ts';

/** What was opened, once in a process, and in which cluster. */
const before: { opened?: Opened; cluster?: string | undefined } = {};

/**
 * libtensorflow through its C API. It is opened once in a process. @param cluster Other processes
 * it computes together with.
 */
export const tensorflow = (cluster?: Required<ProcessGroupOptions>): EngineProvider => ({
  name: 'tensorflow',
  async open() {
    const wanted = JSON.stringify(cluster);
    if (before.opened !== undefined) {
      if (wanted === undefined || wanted === before.cluster) return before.opened;
      return {
        reason:
          'it was started before, outside of this cluster; name the cluster at the first start',
      };
    }
    const found = findTensorflow();
    if ('reason' in found)
      return { reason: `${found.reason}; \`npx kd-engine install\` brings it` };
    const kernels = await loadNodeKernels();
    const { binding, preparation } = openTensorflow(found.folder, cluster);
    tf.registerBackend('tensorflow', () => makeBackend(kernels, binding), 3);
    for (const register of [
      quickenRelu,
      quickenBias,
      registerBatchNorm,
      addExplicitPadding,
      addExplicitPooling,
      addFusedConvolution,
      addPaddedPools,
      addMissingOps,
      registerRandomUniform,
      addTracedGather,
    ])
      register();
    const result: Opened = {
      version: binding.TF_Version,
      device: binding.isUsingGpuDevice() ? 'GPU:0' : 'CPU',
      threads: preparation.threads,
      notes: preparation.oneDnn ? ['oneDNN'] : ['without oneDNN'],
      ...(cluster === undefined ? {} : { group: joinCluster(binding.runtime, cluster) }),
    };
    Object.assign(before, { opened: result, cluster: wanted });
    return result;
  },
});
