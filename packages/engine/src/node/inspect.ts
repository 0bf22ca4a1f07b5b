import { arch, release } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import type { EngineName, Opened } from '../contracts.ts';
import { tryOut } from '../start.ts';
import { buildOf, explainDevice } from './gpu/explain.ts';
import { node } from './platform.ts';
import { type Preparation, prepareProcess } from './tensorflow/environment.ts';
import { findTensorflow } from './tensorflow/find.ts';
import { type Build, installedVersions } from './tensorflow/versions.ts';

/** One engine as it is found on this machine. */
export type EngineStatus = { readonly name: EngineName } & (
  | ({ readonly trains: true } & Opened)
  | { readonly trains: false; readonly reason: string }
);

/** libtensorflow as it was found. */
export interface Libtensorflow {
  readonly folder: string;
  /** How it was found: `KD_LIBTENSORFLOW`, `cache` or `Python`. */
  readonly from: string;
  /** Where it loaded. */
  readonly loaded?: LoadedTensorflow;
}

/** What is known only of a library that is loaded. */
export interface LoadedTensorflow {
  readonly version: string;
  readonly build: Build;
  readonly device: string;
  /** Why it is this device. */
  readonly why: string;
  /** What was set before it was loaded. */
  readonly preparation: Preparation;
}

/** What `kd-engine doctor` prints. */
export interface EngineReport {
  readonly platform: string;
  readonly node: string;
  readonly libtensorflow: Libtensorflow | { readonly reason: string };
  /** Folders of the versions in the cache, newest first. */
  readonly installed: readonly string[];
  /** Whether training steps are compiled: `KD_COMPILE`. */
  readonly compile: boolean;
  readonly engines: readonly EngineStatus[];
}

/** Tries every engine out, each with one training step; the one that was current is so again. */
export async function inspectEngines(): Promise<EngineReport> {
  const current = tf.engine().backendName;
  const platform = node();
  await platform.registerGradients();
  const engines: EngineStatus[] = [];
  for (const candidate of platform.candidates) {
    const result = await tryOut(candidate);
    engines.push({
      name: candidate.name,
      ...('reason' in result ? { trains: false, ...result } : { trains: true, ...result }),
    });
  }
  if (current) await tf.setBackend(current);
  return {
    platform: `${process.platform} ${arch()}, ${release()}`,
    node: process.version,
    libtensorflow: inspectTensorflow(engines.find(({ name }) => name === 'tensorflow')),
    installed: installedVersions().map(({ folder }) => folder),
    compile: process.env.KD_COMPILE !== 'off',
    engines,
  };
}

function inspectTensorflow(state: EngineStatus | undefined): EngineReport['libtensorflow'] {
  const found = findTensorflow();
  if ('reason' in found) return found;
  const { folder, from } = found;
  if (!state?.trains) return { folder, from };
  const { version, device } = state;
  const build = buildOf(folder);
  // Setting it a second time changes nothing, and says what there is.
  return {
    folder,
    from,
    loaded: {
      version,
      build,
      device,
      why: explainDevice(folder, build, device),
      preparation: prepareProcess(),
    },
  };
}
