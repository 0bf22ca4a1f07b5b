import { createProgress, sigintSignal } from '@kd/core/node';
import { UsageError, usageError } from '../experiment/usageError.ts';
import type { Command } from './command.ts';
import { distill } from './distill.ts';
import { doctor, install } from './engine.ts';
import { exportCommand } from './export.ts';
import { parseFlags } from './flags.ts';
import { renderHelp, renderOverview } from './help.ts';
import { evaluate, report } from './inspect.ts';
import { inspect } from './inspectData.ts';
import { run } from './run.ts';
import { survey } from './survey.ts';

/** The commands of `kd`. */
export const commands: Readonly<Record<string, Command>> = {
  run,
  distill,
  inspect,
  evaluate,
  export: exportCommand,
  report,
  survey,
  doctor,
  install,
};

/**
 * Runs a command line.
 * @param args Without node and the program.
 * @returns The exit code: 0 done; 1 failed, or a claim is missed; 2 wrong usage; 130 interrupted.
 */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const log = (line: string): void => void process.stdout.write(`${line}\n`);
  const { signal, dispose } = sigintSignal();
  signal.addEventListener('abort', () =>
    log('Stopping after this step; Ctrl-C once more stops at once.'),
  );
  try {
    const [name = '--help', ...rest] = args;
    if (name === '--help' || name === '-h') {
      process.stdout.write(renderOverview(commands));
      return 0;
    }
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined)
      throw usageError(
        'kd',
        `one of ${Object.keys(commands).join(', ')}`,
        name,
        'kd --help explains them',
      );
    const line = parseFlags(name, command.flags, command.operand, rest);
    if (line.values.has('help')) {
      process.stdout.write(renderHelp(name, command));
      return 0;
    }
    return await command.run(line, { createProgress: createProgress(), log, signal });
  } catch (error) {
    if (signal.aborted) return 130;
    const message = describeError(error);
    process.stderr.write(/^kd\b/.test(message) ? `${message}\n` : `kd: ${message}\n`);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    dispose();
  }
}

/** The message on one line; with KD_DEBUG=1 the stack trace, for those who look for a defect. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return process.env.KD_DEBUG === '1' ? `${error.stack}` : error.message.replace(/\s*\n\s*/g, ' ');
}
