import { architectures } from '../architectures.ts';
import { methods } from '../methods/index.ts';
import { presets } from '../presets.ts';
import { options } from './options.ts';

/** The page that `--help` prints. */
export function helpPage(): string {
  const flags = Object.entries(options).map(
    ([name, { takes, about }]) => `  ${`--${name} ${takes}`.padEnd(22)}${about}`,
  );
  const experiments = Object.entries(presets).map(
    ([name, { about }]) => `  ${name.padEnd(22)}${about}`,
  );
  return [
    'npm run distill -- [flags]',
    '',
    'Trains a teacher on real CIFAR-10, a student without it and the same student taught by it, and tests all three once.',
    'Leaves a folder with run.json, checkpoints and report.html. Ctrl-C saves; --resume goes on exactly where it stopped.',
    '',
    'Flags',
    ...flags,
    '',
    'Presets',
    ...experiments,
    '',
    ...listed('Teachers and students', Object.keys(architectures)),
    ...listed('Methods', Object.keys(methods)),
    '',
    'The teacher is trained once, with the first seed; each seed trains a student alone and a student distilled from the same initial',
    'weights, on the same pictures in the same order. --method tutorial is the loss of the tutorial as printed (temperature 1, alpha 0.5).',
    '',
    'Exit codes: 0 done; 1 failed, or the distilled student was not better; 2 a wrong command line; 130 interrupted and saved.',
    'KD_DEBUG=1 shows stack traces. The fast engine: npx kd-engine install.',
    '',
  ].join('\n');
}

/** Names behind a title, as many to a line as fit. */
function listed(title: string, names: readonly string[]): string[] {
  const lines: string[] = [];
  let line = '';
  for (const name of names) {
    if (line.length + name.length > 100) {
      lines.push(line);
      line = '';
    }
    line += `${name}, `;
  }
  return [...lines, line.slice(0, -2)].map(
    (text, at) => (at === 0 ? title : '').padEnd(23) + text.trimEnd(),
  );
}
