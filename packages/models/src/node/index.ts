export { type ReadOptions, readWeights } from './readWeights.ts';
export { saveTorchWeights } from './saveTorchWeights.ts';
