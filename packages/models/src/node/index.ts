/** @module @kd/models/node */
export {
  type LoadFileOptions,
  loadWeights,
  type OpenFileOptions,
  openWeights,
  saveWeights,
} from './weights.ts';
