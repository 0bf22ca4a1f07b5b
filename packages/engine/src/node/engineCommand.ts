/** The command `kd-engine`, as a function: doctor, install and launch. */
import { parseArgs } from 'node:util';
import { createProgress, sigintSignal } from '@kd/core/node';
import { type LaunchOptions, launch } from './distributed/launch.ts';
import { doctorLines } from './doctor/doctorLines.ts';
import { inspectEngines } from './doctor/inspectEngines.ts';
import { installTensorflow } from './install/installTensorflow.ts';
import { isVersion, versionForm } from './library/libraryFiles.ts';
import { locateLibrary } from './library/locateLibrary.ts';

/** The exit status of a program that Ctrl-C ended, by convention of shells. */
const interrupted = 130;

/**
 * Runs `kd-engine` with these arguments. @returns The exit status: 0 done, 1 not possible here, 2
 * wrong arguments, 130 interrupted; of `launch`, the status of the program.
 */
export async function engineCommand(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(args);
  if ('wrong' in line) {
    process.stderr.write(`${line.wrong}\n`);
    return 2;
  }
  switch (line.command) {
    case 'help':
      process.stdout.write(usage);
      return 0;
    case 'doctor':
      return doctor(line.json);
    case 'install':
      return install(line);
    case 'launch':
      return launch(line.launch);
    default:
      return line satisfies never;
  }
}

async function doctor(json: boolean): Promise<number> {
  const report = await inspectEngines();
  process.stdout.write(
    `${json ? JSON.stringify(report, undefined, 2) : doctorLines(report).join('\n')}\n`,
  );
  return report.engines.some(({ trains }) => trains) ? 0 : 1;
}

async function install({
  gpu,
  version,
}: Extract<CommandLine, { command: 'install' }>): Promise<number> {
  const { signal, dispose } = sigintSignal();
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const result = await installTensorflow({
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
  process.stdout.write(`libtensorflow: ${result.directory}\n`);
  const used = locateLibrary();
  if ('directory' in used && used.directory !== result.directory)
    log(
      `startEngine() uses ${used.directory}; KD_LIBTENSORFLOW=${result.directory} selects this one.`,
    );
  return 0;
}

/** The parsed arguments of `kd-engine`; or the error, in one line. */
export type CommandLine =
  | { readonly command: 'help' }
  | { readonly command: 'doctor'; readonly json: boolean }
  | { readonly command: 'install'; readonly gpu: boolean; readonly version: string | undefined }
  | ({ readonly command: 'launch' } & { readonly launch: LaunchOptions })
  | { readonly wrong: string };

export const usage = `kd-engine doctor [--json]
    Lists the engines that TensorFlow.js can train on here, the reason why any other cannot, and the
    libtensorflow that is used: its device, the reason for that device, and the settings of the process.

kd-engine install [--gpu] [--version 2.21]
    Downloads libtensorflow with pip (or uv) into the cache (KD_CACHE), once.
    --gpu      the CUDA build and NVIDIA's libraries (Linux x64): 3.4 GB of downloads, 5.6 GB on disk
    --version  2.21 for its newest release, or 2.21.0; several can be installed, and KD_TENSORFLOW_VERSION selects one

kd-engine launch -n 2 [--port 4000] [--timeout 120] -- node train.js
    Runs a program as a group of processes on this machine: startEngine() of each finds the others, engine.group sums over them.
    -n         number of processes; each gets its share of the cores (KD_THREADS)
    --port     the first of as many ports in a row; default: free ports
    --timeout  seconds after which a process that does not take part is an error
`;

/** Parsers of the rest of a command line, by command. */
const parsers: Readonly<Record<string, (args: string[]) => CommandLine>> = {
  doctor(args) {
    const { values } = parseArgs({ args, options: { json: { type: 'boolean', default: false } } });
    return { command: 'doctor', json: values.json };
  },
  install(args) {
    const { values } = parseArgs({
      args,
      options: { gpu: { type: 'boolean', default: false }, version: { type: 'string' } },
    });
    const { gpu, version } = values;
    if (version !== undefined && !isVersion(version))
      return {
        wrong: `kd-engine install: expected --version with ${versionForm}, got ${version}.`,
      };
    return { command: 'install', gpu, version };
  },
  launch(args) {
    const end = args.indexOf('--');
    const command = end < 0 ? [] : args.slice(end + 1);
    if (command.length === 0)
      return {
        wrong:
          'kd-engine launch: expected -- and a program, got none; kd-engine launch -n 2 -- node train.js.',
      };
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
      args: args.slice(0, end),
      options: { processes: { ...text, short: 'n' }, port: text, timeout: text },
    });
    const [processes, port, timeoutSeconds] = [values.processes, values.port, values.timeout].map(
      (value) => (value === undefined ? value : Number(value)),
    );
    if (processes === undefined || !isIntegerBetween(processes, 1, 1024))
      return {
        wrong: `kd-engine launch: expected -n from 1 to 1024, got ${values.processes ?? 'none'}.`,
      };
    if (port !== undefined && !isIntegerBetween(port, 1, 65_536 - processes))
      return {
        wrong: `kd-engine launch: expected --port from 1 to ${65_536 - processes}, got ${values.port}.`,
      };
    if (timeoutSeconds !== undefined && !(timeoutSeconds > 0))
      return { wrong: `kd-engine launch: expected --timeout > 0, got ${values.timeout}.` };
    return { command: 'launch', launch: { processes, command, port, timeoutSeconds } };
  },
};

function isIntegerBetween(value: number, from: number, to: number): boolean {
  return Number.isInteger(value) && value >= from && value <= to;
}

/** Parses the arguments after `kd-engine`. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const [command = 'nothing', ...rest] = args;
  if (command === '--help' || command === '-h') return { command: 'help' };
  const parse = Object.hasOwn(parsers, command) ? parsers[command] : undefined;
  if (parse === undefined)
    return unknownArgument(
      'kd-engine',
      Object.keys(parsers).join(' or '),
      args.join(' ') || command,
    );
  const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (own.includes('--help') || own.includes('-h')) return { command: 'help' };
  try {
    return parse(rest);
  } catch {
    // parseArgs throws on an unknown option, and on positional arguments.
    return unknownArgument(`kd-engine ${command}`, 'its options', rest.join(' '));
  }
}

function unknownArgument(caller: string, expected: string, got: string): CommandLine {
  return { wrong: `${caller}: expected ${expected}, got ${got}; see kd-engine --help.` };
}
