/** @module @kd/export/node */
export {
  type Agreement,
  type AgreementLimits,
  agreementLimits,
  explainDisagreement,
  largest,
  type WeightKind,
} from './agreement.ts';
export {
  type CheckImages,
  type CheckModelOptions,
  checkedBatches,
  checkModel,
  type Latency,
  type TimedModel,
  timeModels,
} from './checkModel.ts';
export { type ExportFormat, openRuntimes } from './openRuntimes.ts';
export type {
  Answers,
  LoadedModel,
  MissingRuntime,
  ModelInterface,
  Runtime,
} from './runtimes/runtime.ts';
