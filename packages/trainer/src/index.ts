/**
 * {@include ../README.md}
 * @module @kd/trainer
 */
export { type CachedBatchesOptions, cachedBatches } from './cache/cachedBatches.ts';
export { type CachedTeacherOptions, cachedTeacher } from './cache/cachedTeacher.ts';
export { type CacheOutputsOptions, cacheOutputs } from './cache/cacheOutputs.ts';
export type { CachedOutput, OutputCache, OutputCacheKey } from './cache/format.ts';
export { type EvaluateOptions, evaluate } from './evaluate.ts';
export type { EvaluationResult, Metrics, MetricValues, RunningMetrics } from './metrics.ts';
export { type AdagradOptions, adagrad } from './optimizers/adagrad.ts';
export { type AdamOptions, adam, adamW } from './optimizers/adam.ts';
export { clipByGlobalNorm } from './optimizers/clip.ts';
export { type EmaOptions, type ExponentialMovingAverage, ema } from './optimizers/ema.ts';
export { layerwiseLearningRate } from './optimizers/layerwiseLearningRate.ts';
export { type NadamOptions, nadam } from './optimizers/nadam.ts';
export { type RmsPropOptions, rmsProp } from './optimizers/rmsProp.ts';
export { type SgdOptions, sgd } from './optimizers/sgd.ts';
export type { WeightDecayFilter, WeightDecayOptions } from './optimizers/shared.ts';
export type { BestBy, TrainOptions } from './options.ts';
export {
  type EpochReport,
  type StepReport,
  TrainingInterruptedError,
  type TrainingPosition,
} from './reports.ts';
export {
  type BornAgainOptions,
  bornAgain,
  type GenerationOptions,
  type GenerationReport,
  type TeacherAssistantOptions,
  teacherAssistants,
} from './strategies/generations.ts';
export {
  type MutualLearning,
  mutualLearning,
  type PeerGroupOptions,
  peerGroup,
} from './strategies/mutualLearning.ts';
export { ensemble, probabilityEnsemble } from './teachers/ensemble.ts';
export { type MapClassesOptions, mapClasses } from './teachers/mapClasses.ts';
export { networkTeacher } from './teachers/networkTeacher.ts';
export { train } from './train.ts';
export {
  createTrainState,
  disposeTrainState,
  type TrainProgress,
  type TrainState,
  type TrainStateOptions,
} from './trainState.ts';
export {
  type StepOptions,
  type StepResult,
  type TrainStep,
  type TrainStepOptions,
  trainStep,
} from './trainStep.ts';
export { loadVariables, saveVariables } from './variables.ts';
