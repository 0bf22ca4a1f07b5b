import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { threadsVariable, usableThreads } from '../library/processSettings.ts';
import { clusterVariable, indexVariable, timeoutVariable } from './options.ts';

export interface LaunchOptions {
  /** Number of processes, ≥ 1. */
  readonly processes: number;
  /** Program and arguments, the same for every process. */
  readonly command: readonly string[];
  /** The first of as many ports in a row. Default: free ports. */
  readonly port?: number | undefined;
  /** `ProcessGroupOptions.timeoutSeconds`. */
  readonly timeoutSeconds?: number | undefined;
}

/**
 * The time that the other processes get after one has failed (they notice by themselves, and may
 * report it) before SIGTERM, and from there to SIGKILL.
 */
const graceMilliseconds = 10_000;
const endMilliseconds = 5000;

/** Failures within this time of the first one are reported together, the killed process first. */
const settleMilliseconds = 1000;

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a program as a group of processes on this machine, each with its share of the cores. Its
 * output is printed line by line with the prefix `[rank]`. Ctrl-C is sent to all; if one fails the
 * others are terminated.
 * @returns The exit status of the first that failed (a killed one before those that failed by it),
 * or 0.
 */
export async function launch({
  processes,
  command,
  port,
  timeoutSeconds,
}: LaunchOptions): Promise<number> {
  const ports =
    port === undefined
      ? await findFreePorts(processes)
      : Array.from({ length: processes }, (_, at) => port + at);
  const environment = {
    [threadsVariable]: String(Math.max(1, Math.floor(usableThreads() / processes))),
    ...(timeoutSeconds === undefined ? {} : { [timeoutVariable]: String(timeoutSeconds) }),
    ...process.env,
    [clusterVariable]: ports.map((one) => `127.0.0.1:${one}`).join(),
  };
  const children = ports.map((_, rank) =>
    startProcess(command, rank, { ...environment, [indexVariable]: String(rank) }),
  );
  const send = (signal: NodeJS.Signals): void => {
    for (const child of children) if (isRunning(child)) child.kill(signal);
  };
  for (const signal of forwarded) process.on(signal, send);
  const failures: { readonly rank: number; readonly status: number }[] = [];
  let isReported = false;
  const report = (): void => {
    if (isReported) return;
    isReported = true;
    // Ends of about the same time are seen in any order: a killed process is why others fail.
    failures.sort((left, right) => Number(right.status > 128) - Number(left.status > 128));
    for (const { rank, status } of failures) printEnd(rank, status);
  };
  const timers: NodeJS.Timeout[] = [];
  const statuses = children.map(async (child, rank) => {
    const status = await exitStatus(child);
    if (status === 0) return;
    failures.push({ rank, status });
    if (isReported) printEnd(rank, status);
    if (failures.length > 1) return;
    timers.push(
      setTimeout(report, settleMilliseconds),
      setTimeout(send, graceMilliseconds, 'SIGTERM'),
      setTimeout(send, graceMilliseconds + endMilliseconds, 'SIGKILL'),
    );
  });
  await Promise.all([...statuses, ...children.map(outputEnd)]);
  report();
  for (const timer of timers) clearTimeout(timer);
  for (const signal of forwarded) process.off(signal, send);
  return failures[0]?.status ?? 0;
}

function printEnd(rank: number, status: number): void {
  process.stderr.write(`[${rank}] ended with status ${status}\n`);
}

/**
 * Starts it in an OS process group of its own, so that it gets a Ctrl-C of the terminal once, from
 * us.
 */
function startProcess(
  [program = '', ...args]: readonly string[],
  rank: number,
  env: NodeJS.ProcessEnv,
): ChildProcess {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  child.on('error', ({ message }) => process.stderr.write(`[${rank}] ${message}\n`));
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const)
    createInterface({ input: from }).on('line', (line) => to.write(`[${rank}] ${line}\n`));
  return child;
}

function isRunning({ exitCode, signalCode, pid }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

/**
 * The status by convention of shells: 128 plus the number of a signal, 127 for a missing program.
 * It is known at the exit, which can be long before the end of the output: a helper of the program
 * (esbuild's under tsx) may hold the pipes for a while, and the next process may have failed by then.
 */
function exitStatus(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code, signal) =>
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
    );
  });
}

/** Resolves when all output of a process has been read. */
function outputEnd(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
}

/** Finds different ports on which nothing listens at this moment. */
export async function findFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
