import type { DatasetLoader } from '../experiment/dataset.ts';
import { defineExperiment, type Experiment } from '../experiment/defineExperiment.ts';
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
import { loadDatasetModule, loadExperiment } from './modules.ts';

const runFlags = [...overrideFlags, 'engine', 'out', 'resume', 'no-substitute'] as const;

const comparison =
  'The teacher is trained once, with the first seed. Each seed trains a student alone and a distilled one from the same first weights, on the same images in the same order. All networks are tested once, at the end.';
const directory =
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

/** `kd distill`. */
export const distill: Command = {
  flags: ['data', ...runFlags],
  about: 'Distils a student on your own images, without an experiment file.',
  notes: [
    'The module of --data exports dataset, an async function that returns { train, test, source }, two image datasets of @kd/data and where they are from. The rest is the recipe of examples/cifar10/quick.ts, with all images and a tenth of them for validation; flags change it.',
    comparison,
    directory,
  ],
  lists: ['architectures', 'methods'],
  async run(line, services) {
    const source = readFlag(line, 'data', readText('a module'));
    if (source === undefined)
      throw usageError(
        '--data',
        'a module (.ts, .js) that exports dataset',
        'nothing',
        `${invocation} distill --help explains it`,
      );
    const experiment = defaultRecipe((await loadDatasetModule(source, '--data')).dataset);
    const command = `${invocation} distill --data ${source}`;
    return start({ experiment, module: source, command }, line, services);
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

/** The recipe of `kd distill`: that of examples/cifar10/quick.ts, on all images. */
function defaultRecipe(dataset: DatasetLoader): Experiment {
  return defineExperiment({
    name: 'distill',
    about: 'a small ResNet-9 teaches three convolutions',
    claim: false,
    dataset,
    teacher: { architecture: 'resnet9-w0.25', epochs: 8 },
    student: { architecture: 'student-cnn', epochs: 15 },
    assistant: 'resnet9-w0.125',
    distillation: { method: 'softTargets' },
    augmentation: { padding: 4, flip: true, views: 5 },
    optimizer: {
      name: 'sgd',
      batchSize: 128,
      momentum: 0.9,
      weightDecay: 5e-4,
      rise: 0.25,
    },
    seeds: [0],
  });
}
