import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ensure, expectedError } from '@kd/core';
import type { Ready, Turn } from './protocol.ts';

/** How a contender's process is started. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Beside this process's own; undefined takes a variable away. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A warm process that runs its step when it is told, and sleeps otherwise. */
export interface Contender {
  readonly name: string;
  readonly ready: Ready;
  /**
   * Runs the step so often, one after the other. @throws Error where the process ends; RangeError
   * on numbers that are not finite.
   */
  run(repeat: number): Promise<Turn>;
  /** Ends the process. */
  close(): Promise<void>;
}

/** Lines of an error that are shown: Python says what was wrong at the end. */
const LAST_LINES = 3;

/** The end of what a process wrote, in one line. */
export function lastWords(said: readonly string[]): string {
  return said.slice(-LAST_LINES).join(' / ');
}

/**
 * Starts a process and waits until it is warm. @throws Error with the end of what it wrote where it
 * ends before.
 */
export async function startContender(
  name: string,
  { program, args, environment }: Command,
): Promise<Contender> {
  const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: 'pipe' });
  const ended = endOf(name, child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <Message>(): Promise<Message> => {
    const line = await Promise.race([lines.next(), ended]);
    return line.done === true ? await ended : (JSON.parse(line.value) as Message);
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

/** Rejects when the process ends or cannot be started, with what it said last. */
function endOf(name: string, child: ChildProcessWithoutNullStreams): Promise<never> {
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
  // Writing to a process that has ended: its end is told below.
  child.stdin.on('error', () => {});
  const ended = new Promise<never>((_, reject) => {
    child.on('error', (error) => reject(new Error(`${name}: ${error.message}`)));
    child.on('close', (code, signal) =>
      reject(
        expectedError(
          name,
          'a process that answers',
          lastWords(said) || (signal ?? `exit ${code}`),
        ),
      ),
    );
  });
  ended.catch(() => {});
  return ended;
}
