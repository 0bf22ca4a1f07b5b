import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensure } from '@kd/core';
import { type Engine, type EngineName, installTensorflow, startEngine } from '@kd/engine';
import type { EnvironmentRecord } from '@kd/report';
import { version_core } from '@tensorflow/tfjs-core';
import type { SessionServices } from './context.ts';

/**
 * Starts an engine, after installing TensorFlow's library where that is wanted and missing.
 * @param name Left out: KD_ENGINE, else the fastest that starts.
 * @throws Error where none starts, or the named one does not.
 */
export async function openEngine(
  name: EngineName | undefined,
  { createProgress, log, signal }: SessionServices,
): Promise<Engine> {
  ensure(
    !process.env.KD_CLUSTER,
    'kd',
    'a process of its own',
    'a group (KD_CLUSTER)',
    'kd does not share a run between processes; train() of @kd/trainer does',
  );
  const wanted = name ?? process.env.KD_ENGINE ?? 'tensorflow';
  if (wanted === 'tensorflow') {
    const library = await installTensorflow({ createProgress, log, signal });
    if ('reason' in library) log(`TensorFlow's library is not here: ${library.reason}`);
    signal.throwIfAborted();
  }
  return startEngine({ ...(name !== undefined && { engine: name }), log });
}

/** Describes engine, versions and machine for `run.json`. */
export async function describeEnvironment(engine: Engine): Promise<EnvironmentRecord> {
  const processors = cpus();
  const commit = await readCommit();
  return {
    engine: {
      name: engine.name,
      version: engine.version,
      device: engine.device,
      threads: engine.threads,
      refused: engine.refused,
    },
    versions: {
      node: process.versions.node,
      '@tensorflow/tfjs-core': version_core,
      '@kd/cli': await readVersion(),
      ...(commit !== undefined && { commit }),
    },
    machine: {
      processor: processors[0]?.model.trim() ?? 'unknown',
      cores: processors.length,
      memoryBytes: totalmem(),
      system: `${process.platform} ${process.arch}`,
    },
  };
}

async function readVersion(): Promise<string> {
  const manifest = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  return version;
}

/** The commit of the sources; undefined outside a git checkout, or where there is no git. */
async function readCommit(): Promise<string | undefined> {
  if (import.meta.url.includes('/node_modules/')) return undefined;
  try {
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    const { stdout } = await promisify(execFile)('git', ['rev-parse', '--short=12', 'HEAD'], {
      cwd,
    });
    return stdout.trim();
  } catch {
    return undefined;
  }
}
