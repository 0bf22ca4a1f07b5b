#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { openProgress } from '@kd/core/node';
import { doctorLines } from './doctor.ts';
import { inspectEngines } from './inspect.ts';
import { ensureTensorflow } from './install/install.ts';

const usage = `kd-engine doctor     says which engines TensorFlow.js can train on here, and why not on the others
kd-engine install    fetches libtensorflow with pip into the cache (KD_CACHE), once
`;

/** @returns The exit status: 0 done, 1 not possible here, 2 wrongly called. */
async function main(args: readonly string[]): Promise<number> {
  const called = parse(args);
  if ('wrong' in called) {
    process.stderr.write(`kd-engine: ${called.wrong}\n`);
    return 2;
  }
  switch (called.command) {
    case 'help':
      process.stdout.write(usage);
      return 0;
    case 'doctor':
      return doctor();
    case 'install':
      return install();
    default:
      return called.command satisfies never;
  }
}

type Called = { readonly command: 'help' | 'doctor' | 'install' } | { readonly wrong: string };

function parse(args: readonly string[]): Called {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: { help: { type: 'boolean', short: 'h' } }, allowPositionals: true });
    const [command, ...rest] = positionals;
    if (values.help) return { command: 'help' };
    if ((command === 'doctor' || command === 'install') && rest.length === 0) return { command };
    return { wrong: `expected doctor or install, got ${positionals.join(' ') || 'nothing'}; kd-engine --help says more.` };
  } catch (error) {
    return { wrong: `expected doctor or install, got ${args.join(' ')} (${(error as Error).message.split('.')[0]}); kd-engine --help says more.` };
  }
}

async function doctor(): Promise<number> {
  const inspection = await inspectEngines();
  process.stdout.write(`${doctorLines(inspection).join('\n')}\n`);
  return inspection.engines.some(({ trains }) => trains) ? 0 : 1;
}

async function install(): Promise<number> {
  const result = await ensureTensorflow({ openProgress: openProgress(), log: (line) => process.stderr.write(`${line}\n`) });
  process.stdout.write('folder' in result ? `libtensorflow: ${result.folder}\n` : '');
  if ('folder' in result) return 0;
  process.stderr.write(`kd-engine: ${result.reason}\n`);
  return 1;
}

process.exitCode = await main(process.argv.slice(2));
