import { ensure, expectedError } from '@kd/core';
import type { Engine } from '../contracts.ts';
import { type StartOptions as PlatformStartOptions, startEngineOn, warn } from '../startEngine.ts';
import {
  clusterVariable,
  type ProcessGroupOptions,
  readProcessGroupOptions,
} from './distributed/options.ts';
import { barrier } from './distributed/processGroup.ts';
import { nodePlatform } from './providers/nodePlatform.ts';

export interface StartOptions extends PlatformStartOptions {
  /**
   * Processes to compute with, through TensorFlow's own runtime: `engine.group` sums over them.
   * Needs the engine `tensorflow`. Default: `KD_CLUSTER` of the environment, which
   * `kd-engine launch` sets. The port is open to every machine that reaches this one, and executes
   * what it is sent: trusted networks only.
   */
  readonly processGroup?: ProcessGroupOptions;
}

/**
 * Starts the fastest engine that trains here and makes TensorFlow.js compute on it. Several can be
 * started; the last one is current.
 */
export async function startEngine({
  processGroup,
  ...options
}: StartOptions = {}): Promise<Engine> {
  const group = readProcessGroupOptions(processGroup, process.env);
  if (group === undefined) return startEngineOn(nodePlatform(), options);
  const { engine = process.env.KD_ENGINE || 'tensorflow' } = options;
  ensure(
    engine === 'tensorflow',
    'startEngine',
    `the engine tensorflow in a process group (processGroup, ${clusterVariable})`,
    engine,
  );
  const started = await startEngineOn(nodePlatform(group), { ...options, engine });
  if (started.group === undefined) throw expectedError('startEngine', 'a group', started.name);
  const { workers, index } = group;
  (options.log ?? warn)(
    `group: process ${index} of ${workers.length}, listening on ${workers[index]} and every other address of this machine; whoever reaches the port ` +
      'can run code here: trusted networks only',
  );
  await barrier(started.group);
  return started;
}
