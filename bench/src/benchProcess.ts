import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ensure, expectedError } from '@kd/core';
import type { Ready, Turn } from './protocol.ts';

/** How a process is started. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Variables beside those of this process; undefined removes one. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A warm process that runs its step on request and sleeps otherwise. */
export interface BenchProcess {
  readonly name: string;
  readonly ready: Ready;
  /**
   * Runs the step `repeat` times, one after the other. @throws Error if the process ends;
   * RangeError on numbers that are not finite.
   */
  run(repeat: number): Promise<Turn>;
  /** Ends the process. */
  close(): Promise<void>;
}

/**
 * Starts a process and waits until it is warm. @throws Error with the end of its stderr if it ends
 * before.
 */
export async function startBenchProcess(
  name: string,
  { program, args, env }: Command,
): Promise<BenchProcess> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
  const failure = rejectAtEnd(name, child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <Message>(): Promise<Message> => {
    const line = await Promise.race([lines.next(), failure]);
    return line.done === true ? await failure : (JSON.parse(line.value) as Message);
  };
  const ready = await next<Ready>();
  return {
    name,
    ready,
    async run(repeat) {
      child.stdin.write(`${JSON.stringify({ repeat })}\n`);
      const turn = await next<Turn>();
      ensure(turn.finite, name, 'steps whose numbers stay finite', 'one that is not');
      return turn;
    },
    async close() {
      if (child.exitCode !== null) return;
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

/**
 * Runs a process that prints lines of JSON to its end. @param log Receives each line.
 * @returns The message of its last line. @throws Error with the end of its stderr if it fails.
 */
export async function runToLastMessage<Message>(
  name: string,
  { program, args, env }: Command,
  log: (line: string) => void,
): Promise<Message> {
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stderr: string[] = [];
  let last: string | undefined;
  createInterface({ input: child.stderr }).on('line', (line) => stderr.push(line));
  createInterface({ input: child.stdout }).on('line', (line) => {
    last = line;
    log(`${name}: ${line}`);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw expectedError(name, 'a process that ends well', lastStderr(stderr) || `exit ${code}`);
  if (last === undefined)
    throw expectedError(name, 'a last line of JSON', 'a process that printed nothing');
  return JSON.parse(last) as Message;
}

/** Rejects when the process ends or cannot be started, with the end of its stderr. */
function rejectAtEnd(name: string, child: ChildProcessWithoutNullStreams): Promise<never> {
  const stderr: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => stderr.push(line));
  // Writing to a process that has ended fails; its end is reported below.
  child.stdin.on('error', () => {});
  const failure = new Promise<never>((_, reject) => {
    child.on('error', (error) => reject(new Error(`${name}: ${error.message}`)));
    child.on('close', (code, signal) =>
      reject(
        expectedError(
          name,
          'a process that answers',
          lastStderr(stderr) || (signal ?? `exit ${code}`),
        ),
      ),
    );
  });
  failure.catch(() => {});
  return failure;
}

/** Lines of an error that are shown: Python names its cause at the end. */
const LAST_LINES = 3;

/** The last lines of a process's stderr, in one line. */
function lastStderr(lines: readonly string[]): string {
  return lines.slice(-LAST_LINES).join(' / ');
}
