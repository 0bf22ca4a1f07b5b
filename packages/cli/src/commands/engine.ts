import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from './command.ts';
import type { CommandLine, FlagName } from './flags.ts';

/** `kd doctor`. */
export const doctor: Command = {
  flags: ['json'],
  about: 'Reports which engines TensorFlow.js can train on here, and why not on the others.',
  notes: [
    'Also which libtensorflow is used, on which device, and what was set for it. The same as kd-engine doctor of @kd/engine.',
  ],
  run: (line) => runEngineCommand('doctor', line),
};

/** `kd install`. */
export const install: Command = {
  flags: ['gpu', 'version'],
  about: 'Downloads TensorFlow with pip (or uv) into the cache, for the fast engine.',
  notes: ['Once; KD_CACHE moves the cache. The same as kd-engine install of @kd/engine.'],
  run: (line) => runEngineCommand('install', line),
};

/** Runs `kd-engine` of @kd/engine in a process of its own, with the same flags. */
async function runEngineCommand(command: string, { values }: CommandLine): Promise<number> {
  const manifest = import.meta.resolve('@kd/engine/package.json');
  const { bin } = JSON.parse(readFileSync(fileURLToPath(manifest), 'utf8')) as {
    bin: Readonly<Record<'kd-engine', string>>;
  };
  const program = fileURLToPath(new URL(bin['kd-engine'], manifest));
  const flags = Array.from(values, ([name, value]: [FlagName, string]) =>
    value === '' ? `--${name}` : `--${name}=${value}`,
  );
  const child = spawn(process.execPath, [...process.execArgv, program, command, ...flags], {
    stdio: 'inherit',
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
