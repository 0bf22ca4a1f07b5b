export { loadVariables, saveVariables } from './checkpoints/weights.ts';
export { type EvaluateOptions, evaluate } from './evaluate.ts';
export type { EvaluationResult, Metrics } from './evaluation.ts';
export { type AdagradOptions, adagrad } from './optimizers/adagrad.ts';
export { type AdamOptions, adam, adamW } from './optimizers/adam.ts';
export {
  type EmaOptions,
  type ExponentialMovingAverage,
  ema,
} from './optimizers/averageWeights.ts';
export { layerwiseLearningRate } from './optimizers/byLayer.ts';
export { clipByGlobalNorm } from './optimizers/clipByGlobalNorm.ts';
export type { WeightDecayFilter, WeightDecayOptions } from './optimizers/decay.ts';
export { type NadamOptions, nadam } from './optimizers/nadam.ts';
export { type RmsPropOptions, rmsProp } from './optimizers/rmsProp.ts';
export { type SgdOptions, sgd } from './optimizers/sgd.ts';
export {
  type CacheFeaturesOptions,
  cacheFeatures,
  type FeatureCache,
} from './recordings/recordFeatures.ts';
export { type CachedBatchesOptions, cachedBatches } from './recordings/replayFeatures.ts';
export { type BornAgainOptions, bornAgain } from './schemes/bornAgain.ts';
export type { ChainOptions, GenerationReport } from './schemes/chain.ts';
export { type PeerGroupOptions, peerGroup } from './schemes/cohort.ts';
export { type MutualLearning, mutualLearning } from './schemes/mutualLearning.ts';
export { type TeacherAssistantOptions, teacherAssistants } from './schemes/teacherAssistants.ts';
export { ensemble, probabilityEnsemble } from './teachers/ensemble.ts';
export { networkTeacher } from './teachers/frozen.ts';
export type { OutputCache, OutputCacheKey } from './teachers/manifest.ts';
export { type CacheOutputsOptions, cacheOutputs } from './teachers/recordTeacher.ts';
export { type CachedTeacherOptions, cachedTeacher } from './teachers/replayTeacher.ts';
export { TrainingInterruptedError } from './training/interrupted.ts';
export { train } from './training/train.ts';
export type { EpochReport, StepReport, TrainingPosition, TrainOptions } from './training/types.ts';
