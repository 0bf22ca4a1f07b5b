/**
 * `npm run bench`: steps of ours beside PyTorch's, and what else a training costs. See README.md;
 * nothing fails where a goal is missed.
 */
import { writeFile } from 'node:fs/promises';
import { cachedTeacher } from './cachedTeacher.ts';
import { compare } from './compare.ts';
import { flat } from './flat.ts';
import { loadBefore, provenance } from './machine.ts';
import { methodCosts } from './methods.ts';
import { readCommandLine } from './options.ts';
import { parts } from './parts.ts';
import { writeReadme } from './readme.ts';
import { recipe } from './recipe.ts';
import type { BenchOptions, Section } from './section.ts';
import { starting } from './starting.ts';
import { comparedSteps, product } from './steps.ts';
import { markdownTable, plainTable } from './table.ts';
import { tutorial } from './tutorial.ts';
import { AS_INSTALLED } from './variants.ts';
import { wasm } from './wasm.ts';

type Part = (options: BenchOptions) => Promise<Section>;

const all: Readonly<Record<string, Part>> = {
  ...Object.fromEntries(
    [product, ...comparedSteps].map((step) => [
      step.step,
      (options: BenchOptions) => compare(step, options),
    ]),
  ),
  cached: cachedTeacher,
  start: starting,
  flat,
  parts,
  wasm,
  methods: methodCosts,
  tutorial,
  recipe,
};

const line = readCommandLine(process.argv.slice(2), Object.keys(all));
const python = process.env.KD_TORCH_PYTHON || undefined;
const load = loadBefore();
const log = (text: string) => console.error(text);
if (python === undefined)
  log('PyTorch is not compared: KD_TORCH_PYTHON=<a Python that has torch> npm run bench does.');

const wanted = line.only ?? Object.keys(all);
const options: BenchOptions = {
  rounds: line.rounds,
  seconds: line.seconds,
  variants: line.variants,
  python,
  log,
};
const ceiling = wanted.some((name) =>
  comparedSteps.some(({ step, forms }) => step === name && forms === 'network'),
)
  ? await ceilingOf(options)
  : undefined;
const sections: Section[] = [];
for (const name of wanted) {
  const section = await (all[name] as Part)({ ...options, ceiling });
  sections.push(section);
  console.log(`\n${plainTable(section)}\n${provenance(section.versions, load)}`);
}
if (line.json !== undefined)
  await writeFile(
    line.json,
    `${JSON.stringify(
      sections.flatMap(({ rows }) => rows),
      null,
      2,
    )}\n`,
  );
if (line.readme)
  await writeReadme(
    Object.fromEntries(sections.map((section) => [section.name, written(section)])),
  );

/** In GFLOP/s: the fastest product of anyone, in a few rounds. */
async function ceilingOf(options: BenchOptions): Promise<number> {
  const { rows } = await compare(product, {
    ...options,
    rounds: Math.min(3, options.rounds),
    variants: AS_INSTALLED,
  });
  return Math.max(...rows.map(({ gigaflops }) => gigaflops ?? 0));
}

function written(section: Section): string {
  // Where somebody keeps the rows is of no interest to others.
  const args = process.argv
    .slice(2)
    .filter((argument, at, all) => argument !== '--json' && all[at - 1] !== '--json');
  const command = ['npm run bench', ...(args.length > 0 ? ['--'] : []), ...args].join(' ');
  return `${markdownTable(section)}\n\n${provenance(section.versions, load)}; \`${command}\`.`;
}
