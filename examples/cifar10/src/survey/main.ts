/**
 * What each method gives: `npm run survey -- [--methods dkd,review] [--seeds 3] [--out runs/survey] [--docs]`.
 *
 * Claim: none; it finds out. Seeds: 0, 1, 2. Hardware: 2 cores. Engine: TensorFlow. Minutes: about one for each method and seed, less where the teacher is recorded.
 * One run of the pipeline for each method, all with one teacher (preset `survey`); what is finished is not done again. `--docs` writes the table into docs/methods.md.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { unexpected } from '@kd/core';
import { interruptSignal, openProgress, writeWhole } from '@kd/core/node';
import { named, seedList } from '../command/values.ts';
import { type MethodName, methods } from '../methods/index.ts';
import { presets } from '../presets.ts';
import { survey } from './survey.ts';
import { surveyText } from './table.ts';

const page = new URL('../../../../docs/methods.md', import.meta.url);
const [start, end] = ['<!-- survey -->', '<!-- /survey -->'];

const { values } = parseArgs({
  options: { methods: { type: 'string' }, seeds: { type: 'string' }, out: { type: 'string' }, docs: { type: 'boolean', default: false } },
});
const chosen = values.methods?.split(',').map((name) => named(methods, name, '--methods')) ?? (Object.keys(methods) as MethodName[]);
const seeds = values.seeds === undefined ? presets.survey.seeds : seedList(values.seeds, '--seeds');
const { signal, dispose } = interruptSignal();
try {
  const log = (line: string) => void process.stdout.write(`${line}\n`);
  const directory = path.resolve(values.out ?? 'runs/survey');
  const text = surveyText(await survey({ methods: chosen, seeds, directory }, { openProgress: openProgress(), log, signal }));
  log(`\n${text}`);
  if (values.docs) await writeInto(text);
} catch (error) {
  if (!signal.aborted) throw error;
  process.stderr.write('Interrupted; saved. The same command goes on.\n');
  process.exitCode = 130;
} finally {
  dispose();
}

async function writeInto(text: string): Promise<void> {
  const whole = await readFile(page, 'utf8');
  const [from, to] = [whole.indexOf(start), whole.indexOf(end)];
  if (from < 0 || to < from) throw unexpected('docs/methods.md', `${start} … ${end}`, 'neither', 'put them where the table belongs');
  await writeWhole(fileURLToPath(page), `${whole.slice(0, from + start.length)}\n\n${text}\n\n${whole.slice(to)}`);
}
