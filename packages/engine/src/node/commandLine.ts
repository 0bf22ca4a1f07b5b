import { parseArgs } from 'node:util';
import { isVersion, versionForm } from './tensorflow/versions.ts';

/** What `kd-engine` was asked to do; or what is wrong, in one line. */
export type CommandLine =
  | { readonly command: 'help' }
  | { readonly command: 'doctor'; readonly json: boolean }
  | { readonly command: 'install'; readonly gpu: boolean; readonly version: string | undefined }
  | { readonly wrong: string };

export const usage = `kd-engine doctor [--json]
    Says which engines TensorFlow.js can train on here and why not on the others, which libtensorflow is used,
    on which device and why, and what was set for it.

kd-engine install [--gpu] [--version 2.21]
    Fetches libtensorflow with pip (or uv) into the cache (KD_CACHE), once.
    --gpu      the CUDA build and NVIDIA's libraries (Linux x64): 3.4 GB are loaded, 5.6 GB kept
    --version  2.21 for its newest release, or 2.21.0; several lie side by side, and KD_TENSORFLOW_VERSION chooses one
`;

/** How the rest of a command line is read, by command. */
const readers: Readonly<Record<string, (args: string[]) => CommandLine>> = {
  doctor(args) {
    const { values } = parseArgs({ args, options: { json: { type: 'boolean', default: false } } });
    return { command: 'doctor', json: values.json };
  },
  install(args) {
    const { values } = parseArgs({ args, options: { gpu: { type: 'boolean', default: false }, version: { type: 'string' } } });
    const { gpu, version } = values;
    if (version !== undefined && !isVersion(version)) return { wrong: `kd-engine install: expected --version with ${versionForm}, got ${version}.` };
    return { command: 'install', gpu, version };
  },
};

/** Reads the arguments after `kd-engine`. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const [command = 'nothing', ...rest] = args;
  if (command === '--help' || command === '-h') return { command: 'help' };
  const read = Object.hasOwn(readers, command) ? readers[command] : undefined;
  if (read === undefined) return unknown('kd-engine', Object.keys(readers).join(' or '), args.join(' ') || command);
  if (rest.includes('--help') || rest.includes('-h')) return { command: 'help' };
  try {
    return read(rest);
  } catch {
    // parseArgs throws at an option that it does not know, and at words where there are none.
    return unknown(`kd-engine ${command}`, 'its options', rest.join(' '));
  }
}

function unknown(where: string, expected: string, got: string): CommandLine {
  return { wrong: `${where}: expected ${expected}, got ${got}; kd-engine --help says more.` };
}
