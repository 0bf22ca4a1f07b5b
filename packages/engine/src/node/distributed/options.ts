import { ensure } from '@kd/core';

/** Processes that compute together, on one machine or several. */
export interface ProcessGroupOptions {
  /** `host:port` of every process, in the same order for all; each listens on its own port. */
  readonly workers: readonly string[];
  /** Index of this process in `workers`: its rank. */
  readonly index: number;
  /** Time after which a process that does not take part is an error, in seconds; default 120. */
  readonly timeoutSeconds?: number | undefined;
}

export const clusterVariable = 'KD_CLUSTER';
export const indexVariable = 'KD_CLUSTER_INDEX';
export const timeoutVariable = 'KD_CLUSTER_TIMEOUT';

/**
 * Checks the options, or else those of the environment, which `kd-engine launch` sets.
 * @returns undefined if neither names a group. @throws RangeError if they are invalid.
 */
export function readProcessGroupOptions(
  options: ProcessGroupOptions | undefined,
  environment: NodeJS.ProcessEnv,
): Required<ProcessGroupOptions> | undefined {
  const requested = options ?? parseEnvironment(environment);
  if (requested === undefined) return undefined;
  const caller = options === undefined ? clusterVariable : 'startEngine';
  const { workers, index, timeoutSeconds = 120 } = requested;
  const wrong = workers.find((worker) => !isAddress(worker));
  ensure(
    workers.length > 0 && wrong === undefined,
    caller,
    'workers as host:port',
    wrong ?? 'none',
  );
  const twice = workers.find((worker, at) => workers.indexOf(worker) !== at);
  ensure(twice === undefined, caller, 'an address of its own for every worker', `${twice} twice`);
  ensure(
    Number.isInteger(index) && index >= 0 && index < workers.length,
    caller,
    `an index from 0 to ${workers.length - 1}`,
    index,
  );
  ensure(
    timeoutSeconds > 0 && timeoutSeconds < 2 ** 31,
    caller,
    'timeoutSeconds > 0',
    timeoutSeconds,
  );
  return { workers, index, timeoutSeconds };
}

function parseEnvironment(environment: NodeJS.ProcessEnv): ProcessGroupOptions | undefined {
  const list = environment[clusterVariable];
  if (!list) return undefined;
  const timeout = environment[timeoutVariable];
  return {
    workers: list.split(','),
    index: Number(environment[indexVariable] || Number.NaN),
    timeoutSeconds: timeout ? Number(timeout) : undefined,
  };
}

/** Whether a text is a name, an IPv4 or a bracketed IPv6 address, and a port. */
function isAddress(text: string): boolean {
  const port = Number(/^(?:[\w.-]+|\[[\da-fA-F:]+\]):(\d{1,5})$/.exec(text)?.[1]);
  return port >= 1 && port <= 65_535;
}
