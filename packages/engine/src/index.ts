export type { Engine, EngineName, Unavailable } from './contracts.ts';
export type { ProcessGroupOptions } from './node/cluster/options.ts';
export { type EngineReport, type EngineStatus, inspectEngines } from './node/inspect.ts';
export { type InstallOptions, installTensorflow } from './node/install/install.ts';
export { type StartOptions, startEngine } from './node/startEngine.ts';
