/**
 * {@include ../README.md}
 * @module @kd/core
 */
export { type CompiledFunction, compile } from './compile.ts';
export type {
  Backbone,
  Batch,
  DataLoader,
  DatasetInfo,
  FeatureInfo,
  FilePart,
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
export { fingerprint, sha256 } from './fingerprint.ts';
export type {
  ActivationNode,
  ArithmeticNode,
  ChannelAffineNode,
  ConcatNode,
  ConvolutionNode,
  CropNode,
  DenseNode,
  FusedActivation,
  GlobalPoolNode,
  Graph,
  GraphInput,
  GraphNode,
  GraphNodeBase,
  GraphOperation,
  GraphTensor,
  PadNode,
  Pads,
  PoolNode,
  ReshapeNode,
  ResizeNode,
  ShuffleChannelsNode,
  SliceChannelsNode,
  SubsampleNode,
} from './graph.ts';
export { normalizeBatch } from './normalizeBatch.ts';
export { deriveSeed, hashName, normal, permutation, randomUint32, uniform } from './random.ts';
export { foldIn, randomUniform } from './randomUniform.ts';
export {
  constant,
  cosine,
  cosineRestarts,
  exponential,
  linear,
  linearWarmup,
  multiStep,
  type OneCycleOptions,
  oneCycle,
  type PlateauOptions,
  polynomial,
  reduceOnPlateau,
  step,
  toSchedule,
  triangular,
} from './schedules.ts';
export { assertSameShape, assertShape } from './shapes.ts';
export { trackVariableVersions } from './trackVariableVersions.ts';
