/**
 * The main job: knowledge distillation on real CIFAR-10, from nothing to a page with the result.
 *
 * Claim: a student taught by a teacher beats the same student (same seed, weights, pictures, order)
 * trained alone. See presets.ts; README.md has numbers.
 * Seeds: 0 unless --seeds says otherwise. Hardware: 2 cores. Engine: TensorFlow where it can be
 * had. Minutes: about 4 (preset quick).
 */
import { createProgress, sigintSignal } from '@kd/core/node';
import { helpPage } from './command/help.ts';
import { parseCommand } from './command/parse.ts';
import { UsageError } from './command/usageError.ts';
import { runSession } from './session.ts';

const log = (line: string): void => void process.stdout.write(`${line}\n`);
const { signal, dispose } = sigintSignal();
signal.addEventListener('abort', () =>
  log('Stopping after this step; Ctrl-C once more stops at once.'),
);

try {
  const request = parseCommand(process.argv.slice(2));
  if (request.help) process.stdout.write(helpPage());
  else
    process.exitCode = (await runSession(request, {
      createProgress: createProgress(),
      log,
      signal,
    }))
      ? 0
      : 1;
} catch (error) {
  process.exitCode = signal.aborted ? 130 : error instanceof UsageError ? 2 : 1;
  if (!signal.aborted) process.stderr.write(`kd: ${oneLine(error)}\n`);
} finally {
  dispose();
}

/** A stack trace is for those who look for a defect of ours. */
function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return process.env.KD_DEBUG === '1' ? `${error.stack}` : error.message.replace(/\s*\n\s*/g, ' ');
}
