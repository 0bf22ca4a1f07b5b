import { openProgress } from '@kd/core/node';
import { parseCommandLine, usage } from './commandLine.ts';
import { doctorLines } from './doctor.ts';
import { inspectEngines } from './inspect.ts';
import { ensureTensorflow } from './install/install.ts';

/** @returns The exit status: 0 done, 1 not possible here, 2 wrongly called. */
async function main(args: readonly string[]): Promise<number> {
  const called = parseCommandLine(args);
  if ('wrong' in called) {
    process.stderr.write(`${called.wrong}\n`);
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
