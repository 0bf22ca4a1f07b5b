/**
 * Runs a TypeScript file of this repository from source: `node scripts/run.mjs FILE ARGUMENT …`.
 * FILE is relative to the current directory. The bundled code of @kd/engine is made first, quietly,
 * since no engine starts without it.
 */
import { spawn } from 'node:child_process';
import { turbo } from './turbo.mjs';

const status = turbo(['run', 'vendor'], { quiet: true });
if (status !== 0) process.exit(status);
const child = spawn(
  process.execPath,
  ['--conditions=@kd/source', '--import', 'tsx', ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
// A terminal sends Ctrl-C to both processes: the child decides what it means.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
});
