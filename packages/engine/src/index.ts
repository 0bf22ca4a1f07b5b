export type { Engine, EngineName, Refusal } from './contracts.ts';
export type { ClusterOptions } from './node/cluster/options.ts';
export { type EngineState, type Inspection, inspectEngines } from './node/inspect.ts';
export { ensureTensorflow, type InstallOptions } from './node/install/install.ts';
export { type StartOptions, startEngine } from './node/startEngine.ts';
