import { parseArgs } from 'node:util';
import type { LaunchOptions } from './cluster/launch.ts';
import { isVersion, versionForm } from './tensorflow/versions.ts';

/** What `kd-engine` was asked to do; or what is wrong, in one line. */
export type CommandLine =
  | { readonly command: 'help' }
  | { readonly command: 'doctor'; readonly json: boolean }
  | { readonly command: 'install'; readonly gpu: boolean; readonly version: string | undefined }
  | ({ readonly command: 'launch' } & { readonly launch: LaunchOptions })
  | { readonly wrong: string };

export const usage = `kd-engine doctor [--json]
    Says which engines TensorFlow.js can train on here and why not on the others, which libtensorflow is used,
    on which device and why, and what was set for it.

kd-engine install [--gpu] [--version 2.21]
    Fetches libtensorflow with pip (or uv) into the cache (KD_CACHE), once.
    --gpu      the CUDA build and NVIDIA's libraries (Linux x64): 3.4 GB are loaded, 5.6 GB kept
    --version  2.21 for its newest release, or 2.21.0; several lie side by side, and KD_TENSORFLOW_VERSION chooses one

kd-engine launch -n 2 [--port 4000] [--timeout 120] -- node train.js
    Runs a program as a group of processes on this machine: startEngine() of each finds the others, engine.group sums over them.
    -n         how many; each gets its share of the cores (KD_THREADS)
    --port     the first of as many ports in a row; free ones without it
    --timeout  after how many seconds a process that does not take part is an error
`;

/** How the rest of a command line is read, by command. */
const readers: Readonly<Record<string, (args: string[]) => CommandLine>> = {
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
    if (processes === undefined || !isWhole(processes, 1, 1024))
      return {
        wrong: `kd-engine launch: expected -n from 1 to 1024, got ${values.processes ?? 'none'}.`,
      };
    if (port !== undefined && !isWhole(port, 1, 65_536 - processes))
      return {
        wrong: `kd-engine launch: expected --port from 1 to ${65_536 - processes}, got ${values.port}.`,
      };
    if (timeoutSeconds !== undefined && !(timeoutSeconds > 0))
      return { wrong: `kd-engine launch: expected --timeout > 0, got ${values.timeout}.` };
    return { command: 'launch', launch: { processes, command, port, timeoutSeconds } };
  },
};

function isWhole(value: number, from: number, to: number): boolean {
  return Number.isInteger(value) && value >= from && value <= to;
}

/** Reads the arguments after `kd-engine`. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const [command = 'nothing', ...rest] = args;
  if (command === '--help' || command === '-h') return { command: 'help' };
  const read = Object.hasOwn(readers, command) ? readers[command] : undefined;
  if (read === undefined)
    return unknown('kd-engine', Object.keys(readers).join(' or '), args.join(' ') || command);
  const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (own.includes('--help') || own.includes('-h')) return { command: 'help' };
  try {
    return read(rest);
  } catch {
    // parseArgs throws at an option that it does not know, and at words where there are none.
    return unknown(`kd-engine ${command}`, 'its options', rest.join(' '));
  }
}

function unknown(caller: string, expected: string, got: string): CommandLine {
  return { wrong: `${caller}: expected ${expected}, got ${got}; kd-engine --help says more.` };
}
