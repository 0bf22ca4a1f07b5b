#!/usr/bin/env node
// The command as published; in a clone that has not been built, the same from its sources.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = new URL('../dist/main.js', import.meta.url);
if (existsSync(built)) {
  await import(built.href);
} else {
  // Ctrl-C is the child's, which may have something to finish.
  process.on('SIGINT', () => {});
  const source = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const options = ['--conditions=@kd/source', '--import', import.meta.resolve('tsx'), source];
  process.exitCode =
    spawnSync(process.execPath, [...options, ...process.argv.slice(2)], { stdio: 'inherit' })
      .status ?? 1;
}
