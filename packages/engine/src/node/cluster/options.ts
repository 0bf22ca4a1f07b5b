import { ensure } from '@kd/core';

/** Processes that compute together, on one machine or several. */
export interface ProcessGroupOptions {
  /** `host:port` of every process, in the same order for all; each listens on its own port. */
  readonly workers: readonly string[];
  /** Which of them this process is. */
  readonly index: number;
  /** After how long a process that does not take part is an error, in seconds; 120. */
  readonly timeoutSeconds?: number | undefined;
}

export const clusterVariable = 'KD_CLUSTER';
export const indexVariable = 'KD_CLUSTER_INDEX';
export const timeoutVariable = 'KD_CLUSTER_TIMEOUT';

/**
 * What was asked for, else what the environment says, as `kd-engine launch` sets it. @throws
 * RangeError on what is no cluster.
 */
export function clusterOf(
  given: ProcessGroupOptions | undefined,
  environment: NodeJS.ProcessEnv,
): Required<ProcessGroupOptions> | undefined {
  const wanted = given ?? fromEnvironment(environment);
  if (wanted === undefined) return undefined;
  const where = given === undefined ? clusterVariable : 'startEngine';
  const { workers, index, timeoutSeconds = 120 } = wanted;
  const wrong = workers.find((worker) => !isAddress(worker));
  ensure(workers.length > 0 && wrong === undefined, where, 'workers as host:port', wrong ?? 'none');
  const twice = workers.find((worker, at) => workers.indexOf(worker) !== at);
  ensure(twice === undefined, where, 'an address of its own for every worker', `${twice} twice`);
  ensure(
    Number.isInteger(index) && index >= 0 && index < workers.length,
    where,
    `an index from 0 to ${workers.length - 1}`,
    index,
  );
  ensure(
    timeoutSeconds > 0 && timeoutSeconds < 2 ** 31,
    where,
    'timeoutSeconds > 0',
    timeoutSeconds,
  );
  return { workers, index, timeoutSeconds };
}

function fromEnvironment(environment: NodeJS.ProcessEnv): ProcessGroupOptions | undefined {
  const list = environment[clusterVariable];
  if (!list) return undefined;
  const timeout = environment[timeoutVariable];
  return {
    workers: list.split(','),
    index: Number(environment[indexVariable] || Number.NaN),
    timeoutSeconds: timeout ? Number(timeout) : undefined,
  };
}

/** A name, an IPv4 or a bracketed IPv6 address, and a port. */
function isAddress(text: string): boolean {
  const port = Number(/^(?:[\w.-]+|\[[\da-fA-F:]+\]):(\d{1,5})$/.exec(text)?.[1]);
  return port >= 1 && port <= 65_535;
}
