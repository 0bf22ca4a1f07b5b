/** Helpers of the sibling packages and of backends. They may change in any release. */
export type { CompilingBackend } from './compile.ts';
export {
  formatAmount,
  formatBytes,
  formatDuration,
  formatElapsed,
  formatInteger,
  formatPercent,
} from './format.ts';
export { type ImagesTensorBackend, imagesTensor, writeFractions } from './imagesTensor.ts';
export { type PersistentTensorBackend, persistentTensor } from './persistentTensor.ts';
export { boxMuller, philox4x32 } from './random.ts';
export { type Interpolation, type ResizeFilter, resizeWeights } from './resizeWeights.ts';
export { shardRange } from './shardRange.ts';
