export { type CompiledFunction, type CompilingBackend, compile } from './compile.ts';
export type {
  Backbone,
  Batch,
  DataLoader,
  DatasetInfo,
  FeatureInfo,
  ForwardOptions,
  InferenceNetwork,
  LayerSummary,
  LossInputs,
  LossTerm,
  ModelFingerprint,
  Network,
  Objective,
  Optimizer,
  OptimizerFactory,
  Outputs,
  ProcessGroup,
  Progress,
  ProgressFactory,
  Schedule,
  Shard,
  StateDictKeyMap,
  Stateful,
  Store,
  Teacher,
  ViewKey,
} from './contracts.ts';
export { ensure, expectedError } from './errors.ts';
export { fingerprint, sha256 } from './identity.ts';
export { type PersistentTensorBackend, persistentTensor } from './lasting.ts';
export { normalizeBatch } from './normalizeBatch.ts';
export {
  deriveSeed,
  hashName,
  normal,
  permutation,
  philox4x32,
  randomUint32,
  uniform,
} from './random.ts';
export { foldIn, randomUniform } from './randomUniform.ts';
export { constant, toSchedule } from './schedules/constant.ts';
export { cosineRestarts } from './schedules/cosineRestarts.ts';
export { cosine, exponential, linear, polynomial } from './schedules/decay.ts';
export { type OneCycleOptions, oneCycle } from './schedules/oneCycle.ts';
export { type PlateauOptions, reduceOnPlateau } from './schedules/reduceOnPlateau.ts';
export { multiStep, step } from './schedules/steps.ts';
export { triangular } from './schedules/triangular.ts';
export { linearWarmup } from './schedules/warmUp.ts';
export { assertSameShape, assertShape } from './shapes.ts';
export { shardRange } from './shardOf.ts';
export { trackVariableVersions } from './watchVariables.ts';
