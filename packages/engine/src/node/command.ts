import { createProgress, sigintSignal } from '@kd/core/node';
import { launch } from './cluster/launch.ts';
import { type CommandLine, parseCommandLine, usage } from './commandLine.ts';
import { doctorLines } from './doctor.ts';
import { inspectEngines } from './inspect.ts';
import { installVersion } from './install/install.ts';
import { findTensorflow } from './tensorflow/find.ts';

/** What a shell says of a program that Ctrl-C ended. */
const interrupted = 130;

/** @returns The exit status: 0 done, 1 not possible here, 2 wrongly called, 130 interrupted. */
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
      return doctor(called.json);
    case 'install':
      return install(called);
    case 'launch':
      return launch(called.launch);
    default:
      return called satisfies never;
  }
}

async function doctor(json: boolean): Promise<number> {
  const inspection = await inspectEngines();
  process.stdout.write(
    `${json ? JSON.stringify(inspection, undefined, 2) : doctorLines(inspection).join('\n')}\n`,
  );
  return inspection.engines.some(({ trains }) => trains) ? 0 : 1;
}

async function install({
  gpu,
  version,
}: Extract<CommandLine, { command: 'install' }>): Promise<number> {
  const { signal, dispose } = sigintSignal();
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const result = await installVersion({
    gpu,
    version,
    createProgress: createProgress(),
    log,
    signal,
  });
  dispose();
  if ('reason' in result) {
    log(`kd-engine: ${result.reason}`);
    return signal.aborted ? interrupted : 1;
  }
  process.stdout.write(`libtensorflow: ${result.folder}\n`);
  const used = findTensorflow();
  if ('folder' in used && used.folder !== result.folder)
    log(`startEngine() takes ${used.folder}; KD_LIBTENSORFLOW=${result.folder} chooses this one.`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
