import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensure, type ProgressFactory } from '@kd/core';
import { type Engine, type EngineName, installTensorflow, startEngine } from '@kd/engine';
import type { EnvironmentRecord } from '@kd/report';
import { version_core } from '@tensorflow/tfjs-core';

/**
 * Starts the engine that is asked for, or the quickest; TensorFlow's library is installed first
 * where it is missing.
 * @throws Error where none starts, or the one that is asked for does not.
 */
export async function openEngine(
  name: EngineName | undefined,
  {
    createProgress,
    log,
  }: { readonly createProgress: ProgressFactory; readonly log: (line: string) => void },
): Promise<Engine> {
  ensure(
    !process.env.KD_CLUSTER,
    'distill',
    'a process of its own',
    'a group (KD_CLUSTER)',
    'this example shares nothing out; train() of @kd/trainer does',
  );
  const wanted = name ?? process.env.KD_ENGINE ?? 'tensorflow';
  if (wanted === 'tensorflow') {
    const library = await installTensorflow({ createProgress, log });
    if ('reason' in library) log(`TensorFlow's library is not here: ${library.reason}`);
  }
  return startEngine({ ...(name !== undefined && { engine: name }), log });
}

/** For `run.json`. */
export async function describeEnvironment(engine: Engine): Promise<EnvironmentRecord> {
  const processors = cpus();
  const commit = await commitOf(
    fileURLToPath(new URL('../../../examples/cifar10/src', import.meta.url)),
  );
  return {
    engine,
    versions: {
      node: process.versions.node,
      '@tensorflow/tfjs-core': version_core,
      '@kd/trainer': await versionOf('@kd/trainer/package.json'),
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

async function versionOf(manifest: string): Promise<string> {
  const { version } = JSON.parse(
    await readFile(fileURLToPath(import.meta.resolve(manifest)), 'utf8'),
  ) as { version: string };
  return version;
}

/** undefined where this is no git checkout, or there is no git. */
async function commitOf(folder: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', '--short=12', 'HEAD'], {
      cwd: folder,
    });
    return stdout.trim();
  } catch {
    return undefined;
  }
}
