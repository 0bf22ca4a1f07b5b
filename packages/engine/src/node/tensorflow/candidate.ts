import * as tf from '@tensorflow/tfjs-core';
import type { Candidate, Opened } from '../../contracts.ts';
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

const opened = new Map<'tensorflow', Opened>();

/** libtensorflow through its C API. It is opened once in a process. */
export const tensorflow: Candidate = {
  name: 'tensorflow',
  async open() {
    const known = opened.get('tensorflow');
    if (known !== undefined) return known;
    const found = findTensorflow();
    if ('reason' in found) return { reason: `${found.reason}; \`npx kd-engine install\` brings it` };
    const kernels = await loadNodeKernels();
    const { binding, preparation } = openTensorflow(found.folder);
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
    };
    opened.set('tensorflow', result);
    return result;
  },
};
