import path from 'node:path';
import { type MethodName, methods } from '../experiment/methods.ts';
import { chooseName, usageError } from '../experiment/usageError.ts';
import { surveyMethods } from '../survey/surveyMethods.ts';
import { renderSurvey, writeBetween } from '../survey/surveyTable.ts';
import { type Command, invocation } from './command.ts';
import { readFlag, readSeeds, readText } from './flags.ts';
import { loadExperiment } from './modules.ts';

/** `kd survey`. */
export const survey: Command = {
  operand: 'file',
  flags: ['methods', 'seeds', 'out', 'docs'],
  about: 'Runs an experiment once with each method, all with the same teacher.',
  notes: [
    'Teacher and students alone are trained once, with softTargets, and copied into the runs of the other methods. A directory for each method goes into --out (runs/survey). What is finished is not done again: the same command goes on.',
  ],
  lists: ['methods'],
  async run(line, services) {
    const file = line.operand;
    if (file === undefined)
      throw usageError(
        'kd survey',
        'an experiment file',
        'nothing',
        'such as examples/cifar10/survey.ts',
      );
    const experiment = await loadExperiment(file);
    const chosen =
      readFlag(line, 'methods', (text, flag) =>
        text.split(',').map((name) => chooseName(methods, name, flag)),
      ) ?? (Object.keys(methods) as MethodName[]);
    const records = await surveyMethods(
      {
        experiment,
        module: file,
        command: `${invocation} survey ${file}`,
        methods: chosen,
        seeds: readFlag(line, 'seeds', readSeeds) ?? experiment.seeds,
        directory: path.resolve(readFlag(line, 'out', readText('a directory')) ?? 'runs/survey'),
      },
      services,
    ).catch((error: Error) => {
      if (services.signal.aborted) services.log('Interrupted; saved. The same command goes on.');
      throw error;
    });
    const text = renderSurvey(records);
    services.log(`\n${text}`);
    const page = readFlag(line, 'docs', readText('a Markdown page, such as docs/methods.md'));
    if (page !== undefined) await writeBetween(page, 'survey', text);
    return 0;
  },
};
