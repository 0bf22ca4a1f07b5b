/**
 * {@include ../README.md}
 * @module @kd/cli
 */
export {
  type Architecture,
  type ArchitectureName,
  architectures,
  type HeadGeometry,
} from './experiment/architectures.ts';
export type { Augmentation } from './experiment/augmentation.ts';
export {
  configure,
  type Overrides,
  type RunConfig,
  type RunDistillation,
  type RunNetwork,
} from './experiment/configure.ts';
export {
  type DatasetLoader,
  type DatasetLoadOptions,
  type ImageCounts,
  type LoadedDataset,
  type RunImages,
  selectImages,
} from './experiment/dataset.ts';
export {
  type AdamTraining,
  type DistillationChoice,
  defineExperiment,
  type Experiment,
  type NetworkTraining,
  type SgdTraining,
} from './experiment/defineExperiment.ts';
export type { ImageSource, RecipeName } from './experiment/imageSource.ts';
export type {
  Method,
  MethodContext,
  ObjectiveWeights,
  TermContext,
} from './experiment/method.ts';
export {
  createObjective,
  type Distillation,
  findMethod,
  type MethodName,
  methods,
} from './experiment/methods.ts';
export { UsageError } from './experiment/usageError.ts';
export type { SessionServices } from './run/context.ts';
export { describeEnvironment, openEngine } from './run/engine.ts';
export { type FetchPackagedOptions, fetchPackagedWeights } from './run/packagedWeights.ts';
export { type PipelineOptions, runPipeline } from './run/pipeline.ts';
export type { ExperimentRun } from './run/runDirectory.ts';
export { createRun, type RunOptions, runExperiment } from './run/runExperiment.ts';
export { writeBetween } from './survey/surveyTable.ts';
