/**
 * What each method gives: `npm run survey -- [--methods dkd,review] [--seeds 3] [--out runs/survey]
 * [--docs]`.
 *
 * Claim: none; it finds out. Seeds: 0, 1, 2. Hardware: 2 cores. Engine: TensorFlow. Minutes: about
 * one for each method and seed, less where the teacher is recorded.
 * One run of the pipeline for each method, all with one teacher (preset `survey`); what is finished
 * is not done again. `--docs` writes the table into docs/methods.md.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createProgress, sigintSignal } from '@kd/core/node';
import { named, seedList } from '../command/values.ts';
import { type MethodName, methods } from '../methods/index.ts';
import { presets } from '../presets.ts';
import { survey } from './survey.ts';
import { surveyText } from './table.ts';
import { writeBetween } from './writeBetween.ts';

const page = new URL('../../../../docs/methods.md', import.meta.url);

const { values } = parseArgs({
  options: {
    methods: { type: 'string' },
    seeds: { type: 'string' },
    out: { type: 'string' },
    docs: { type: 'boolean', default: false },
  },
});
const chosen =
  values.methods?.split(',').map((name) => named(methods, name, '--methods')) ??
  (Object.keys(methods) as MethodName[]);
const seeds = values.seeds === undefined ? presets.survey.seeds : seedList(values.seeds, '--seeds');
const { signal, dispose } = sigintSignal();
try {
  const log = (line: string) => void process.stdout.write(`${line}\n`);
  const directory = path.resolve(values.out ?? 'runs/survey');
  const text = surveyText(
    await survey(
      { methods: chosen, seeds, directory },
      { createProgress: createProgress(), log, signal },
    ),
  );
  log(`\n${text}`);
  if (values.docs) await writeBetween(page, 'survey', text);
} catch (error) {
  if (!signal.aborted) throw error;
  process.stderr.write('Interrupted; saved. The same command goes on.\n');
  process.exitCode = 130;
} finally {
  dispose();
}
