import type { Engine } from './contracts.ts';
import { node } from './node/platform.ts';
import { type StartOptions, startOn } from './start.ts';

export type { Engine, EngineName, Refusal } from './contracts.ts';
export { type EngineState, type Inspection, inspectEngines } from './node/inspect.ts';
export { ensureTensorflow, type InstallOptions } from './node/install/install.ts';
export type { StartOptions } from './start.ts';

/** Starts the quickest engine that trains here and makes TensorFlow.js compute on it. Several can be started; the last is current. */
export function startEngine(options: StartOptions = {}): Promise<Engine> {
  return startOn(node, options);
}
