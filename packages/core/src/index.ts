export { type CompilingBackend, compile } from './compile.ts';
export type {
  Batch,
  BatchSource,
  DataDescription,
  LayerReport,
  LossTerm,
  Mode,
  Network,
  Objective,
  OpenProgress,
  Optimizer,
  OptimizerFactory,
  Outputs,
  Progress,
  Schedule,
  Stateful,
  Step,
  Store,
  Tap,
  Teacher,
  TeacherIdentity,
  ViewKey,
} from './contracts.ts';
export { ensure, unexpected } from './errors.ts';
export { deriveSeed, draw, drawFour, normal, permutation, streamOf, uniform } from './random.ts';
export { expectSameShape, expectShape } from './shapes.ts';
