/**
 * `npm run bench`: steps of ours beside PyTorch's, and the other costs of a training; README.md
 * describes it. A missed target fails nothing.
 */
import { writeFile } from 'node:fs/promises';
import { readCommandLine } from './commandLine.ts';
import { compare } from './compare.ts';
import { exportedFiles } from './exportedFiles.ts';
import { images } from './images.ts';
import { job } from './job.ts';
import { memoryGrowth } from './memoryGrowth.ts';
import { recipe } from './recipe.ts';
import { describeRun, markdownTable, plainTable, readLoad, writeReadme } from './report.ts';
import { runtimes } from './runtimes.ts';
import type { BenchOptions, Section } from './section.ts';
import { startup } from './startup.ts';
import { comparedSteps, matrixProduct } from './targets.ts';
import { cachedTeacherCost, methodCosts } from './teacherCosts.ts';
import { throughput } from './throughput.ts';
import { tutorial } from './tutorial.ts';
import { AS_INSTALLED } from './variants.ts';
import { wasm } from './wasm.ts';

type Part = (options: BenchOptions) => Promise<Section>;

const parts: Readonly<Record<string, Part>> = {
  ...Object.fromEntries(
    [matrixProduct, ...comparedSteps].map((step) => [
      step.step,
      (options: BenchOptions) => compare(step, options),
    ]),
  ),
  'cached-teacher': cachedTeacherCost,
  startup,
  'memory-growth': memoryGrowth,
  throughput,
  wasm,
  methods: methodCosts,
  tutorial,
  recipe,
  images,
  export: exportedFiles,
  job,
  runtimes,
};

const line = readCommandLine(process.argv.slice(2), Object.keys(parts));
const python = process.env.KD_TORCH_PYTHON || undefined;
const load = readLoad();
const log = (text: string) => console.error(text);
if (python === undefined)
  log('PyTorch is not compared: KD_TORCH_PYTHON=<a Python that has torch> npm run bench does.');

const names = line.only ?? Object.keys(parts);
const options: BenchOptions = {
  rounds: line.rounds,
  seconds: line.seconds,
  variants: line.variants,
  python,
  log,
};
const needsCeiling = names.some((name) =>
  comparedSteps.some(({ step, group }) => step === name && group === 'network'),
);
const ceiling = needsCeiling ? await measureCeiling(options) : undefined;
const sections: Section[] = [];
for (const name of names) {
  const section = await (parts[name] as Part)({ ...options, ceiling });
  sections.push(section);
  console.log(`\n${plainTable(section)}\n${describeRun(section.versions, load)}`);
}
if (line.json !== undefined) {
  const rows = sections.flatMap((section) => section.rows);
  await writeFile(line.json, `${JSON.stringify(rows, null, 2)}\n`);
}
if (line.readme)
  await writeReadme(
    Object.fromEntries(sections.map((section) => [section.name, formatForReadme(section)])),
  );

/** The fastest matrix product of all variants in a few rounds, in GFLOP/s. */
async function measureCeiling(options: BenchOptions): Promise<number> {
  const { rows } = await compare(matrixProduct, {
    ...options,
    rounds: Math.min(3, options.rounds),
    variants: AS_INSTALLED,
  });
  return Math.max(...rows.map(({ gigaflops }) => gigaflops ?? 0));
}

function formatForReadme(section: Section): string {
  // The path of the rows' file means nothing to others.
  const args = process.argv
    .slice(2)
    .filter((argument, at, all) => argument !== '--json' && all[at - 1] !== '--json');
  const command = ['npm run bench', ...(args.length > 0 ? ['--'] : []), ...args].join(' ');
  return `${markdownTable(section)}\n\n${describeRun(section.versions, load)}; \`${command}\`.`;
}
