/**
 * {@include ../README.md}
 * @module @kd/engine
 */
export type { Engine, EngineName, Unavailable } from './contracts.ts';
export type { ProcessGroupOptions } from './node/distributed/options.ts';
export {
  type EngineReport,
  type EngineStatus,
  inspectEngines,
} from './node/doctor/inspectEngines.ts';
export { engineCommand } from './node/engineCommand.ts';
export {
  type InstallOptions,
  type InstallResult,
  installTensorflow,
} from './node/install/installTensorflow.ts';
export { type StartOptions, startEngine } from './node/startEngine.ts';
