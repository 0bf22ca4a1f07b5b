import { usageError } from '../experiment/usageError.ts';
import type { SessionServices } from '../run/context.ts';
import { type RunOptions, runExperiment } from '../run/runExperiment.ts';
import { type Command, invocation } from './command.ts';
import {
  type CommandLine,
  overrideFlags,
  readEngine,
  readFlag,
  readOverrides,
  readText,
  withoutUndefined,
} from './flags.ts';
import { loadExperiment } from './modules.ts';

/** The flags that `kd run` and `kd distill` share. */
export const runFlags = [...overrideFlags, 'engine', 'out', 'resume', 'no-substitute'] as const;

/** Paragraphs of the help pages of both. */
export const comparison =
  'The teacher is trained once, with the first seed. Each seed trains a student alone and a distilled one from the same first weights, on the same images in the same order. All networks are tested once, at the end.';
export const directory =
  'The directory of a run has run.json, report.html and the checkpoints. Ctrl-C saves; --resume goes on where the run stopped.';

/** `kd run`. */
export const run: Command = {
  operand: 'file',
  flags: runFlags,
  about: 'Runs an experiment: a file with export const experiment = defineExperiment({ … }).',
  notes: ['Flags override fields of the experiment.', comparison, directory],
  lists: ['architectures', 'methods'],
  async run(line, services) {
    const file = line.operand;
    if (file === undefined)
      throw usageError(
        'kd run',
        'an experiment file',
        'nothing',
        `such as examples/cifar10/quick.ts; ${invocation} run --help explains it`,
      );
    const experiment = await loadExperiment(file);
    return start(
      { experiment, module: file, command: `${invocation} run ${file}` },
      line,
      services,
    );
  },
};

async function start(
  options: Pick<RunOptions, 'experiment' | 'module' | 'command'>,
  line: CommandLine,
  services: SessionServices,
): Promise<number> {
  const flags = withoutUndefined({
    engine: readEngine(line),
    out: readFlag(line, 'out', readText('a directory')),
    resume: line.values.get('resume'),
    noSubstitute: line.values.has('no-substitute') || undefined,
  });
  const holds = await runExperiment(
    { ...options, overrides: readOverrides(line), ...flags },
    services,
  );
  return holds ? 0 : 1;
}
