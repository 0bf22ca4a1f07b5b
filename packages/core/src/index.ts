export { type ByteSource, byteSource, bytesBetween } from './byteSource.ts';
export { type Compiled, type CompilingBackend, compile } from './compile.ts';
export type {
  Batch,
  BatchSource,
  Body,
  DataDescription,
  FoldedNetwork,
  Group,
  LayerReport,
  LossTerm,
  Mode,
  NameScheme,
  Network,
  Objective,
  OpenProgress,
  Optimizer,
  OptimizerFactory,
  Outputs,
  Progress,
  Schedule,
  Shard,
  Stateful,
  Step,
  Store,
  Tap,
  Teacher,
  TeacherIdentity,
  ViewKey,
} from './contracts.ts';
export { ensure, unexpected } from './errors.ts';
export { identityOf, sha256 } from './identity.ts';
export { isInside } from './isInside.ts';
export { type LastingBackend, lasting } from './lasting.ts';
export { memoryStore } from './memoryStore.ts';
export { normalizeBatch } from './normalizeBatch.ts';
export { deriveSeed, draw, drawFour, normal, permutation, streamOf, uniform } from './random.ts';
export { foldIn, randomUniform } from './randomUniform.ts';
export { decodeSafetensors } from './safetensors/decode.ts';
export {
  arrays as safetensorsArrays,
  type DecodedSafetensors,
  emptyRecord,
  type SafetensorsArray,
  type SafetensorsDtype,
  type SafetensorsTensor,
} from './safetensors/dtypes.ts';
export { encodeSafetensors } from './safetensors/encode.ts';
export { type LocatedSafetensors, locateSafetensors, type SafetensorsPlace } from './safetensors/locate.ts';
export { readNumbers, widthOf } from './safetensors/numbers.ts';
export { asSchedule, constant } from './schedules/constant.ts';
export { cosineRestarts } from './schedules/cosineRestarts.ts';
export { cosine, exponential, linear, polynomial } from './schedules/decay.ts';
export { type OneCycleOptions, oneCycle } from './schedules/oneCycle.ts';
export { type PlateauOptions, reduceOnPlateau } from './schedules/reduceOnPlateau.ts';
export { multiStep, step } from './schedules/steps.ts';
export { triangular } from './schedules/triangular.ts';
export { warmUp } from './schedules/warmUp.ts';
export { expectSameShape, expectShape } from './shapes.ts';
export { shardOf } from './shardOf.ts';
export { watchVariables } from './watchVariables.ts';
