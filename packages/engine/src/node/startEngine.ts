import { ensure, expectedError } from '@kd/core';
import type { Engine } from '../contracts.ts';
import { type StartOptions as Options, startOn, tell } from '../start.ts';
import { meet } from './cluster/join.ts';
import { clusterOf, clusterVariable, type ProcessGroupOptions } from './cluster/options.ts';
import { node } from './platform.ts';

export interface StartOptions extends Options {
  /**
   * Other processes to compute with, by TensorFlow's own runtime: `engine.group` sums over them.
   * Needs the engine `tensorflow`. Without it `KD_CLUSTER` of the
   * environment, which `kd-engine launch` sets. The port is open to every machine that reaches this
   * one, and executes what it is sent: trusted networks only.
   */
  readonly processGroup?: ProcessGroupOptions;
}

/**
 * Starts the quickest engine that trains here and makes TensorFlow.js compute on it. Several can be
 * started; the last is current.
 */
export async function startEngine({
  processGroup: cluster,
  ...options
}: StartOptions = {}): Promise<Engine> {
  const group = clusterOf(cluster, process.env);
  if (group === undefined) return startOn(node(), options);
  const { engine = process.env.KD_ENGINE || 'tensorflow' } = options;
  ensure(
    engine === 'tensorflow',
    'startEngine',
    `the engine tensorflow in a cluster (cluster, ${clusterVariable})`,
    engine,
  );
  const started = await startOn(node(group), { ...options, engine });
  if (started.group === undefined) throw expectedError('startEngine', 'a group', started.name);
  const { workers, index } = group;
  (options.log ?? tell)(
    `group: process ${index} of ${workers.length}, listening on ${workers[index]} and every other address of this machine; whoever reaches the port ` +
      'can run code here: trusted networks only',
  );
  await meet(started.group);
  return started;
}
