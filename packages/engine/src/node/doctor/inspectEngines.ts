import { arch, release } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import type { EngineName, OpenedEngine } from '../../contracts.ts';
import { probeEngine } from '../../startEngine.ts';
import { type Build, installedVersions } from '../library/libraryFiles.ts';
import { locateLibrary } from '../library/locateLibrary.ts';
import { applyProcessSettings, type ProcessSettings } from '../library/processSettings.ts';
import { nodePlatform } from '../providers/nodePlatform.ts';
import { detectBuild, explainDevice } from './gpu.ts';

/** The state of one engine on this machine. */
export type EngineStatus = { readonly name: EngineName } & (
  | ({ readonly trains: true } & OpenedEngine)
  | { readonly trains: false; readonly reason: string }
);

/** The libtensorflow that `startEngine` would use. */
export interface Libtensorflow {
  readonly directory: string;
  /** Where it was found: `KD_LIBTENSORFLOW`, `cache` or `Python`. */
  readonly from: string;
  /** Present if it loads. */
  readonly loaded?: LoadedTensorflow;
}

/** Properties that only a loaded library has. */
export interface LoadedTensorflow {
  readonly version: string;
  readonly build: Build;
  readonly device: string;
  /** The reason for this device, in one line. */
  readonly why: string;
  /** Settings that were made before it was loaded. */
  readonly preparation: ProcessSettings;
}

/** The report that `kd-engine doctor` prints. */
export interface EngineReport {
  readonly platform: string;
  readonly node: string;
  readonly libtensorflow: Libtensorflow | { readonly reason: string };
  /** Directories of the versions in the cache, newest first. */
  readonly installed: readonly string[];
  /** Whether training steps are compiled: `KD_COMPILE`. */
  readonly compile: boolean;
  readonly engines: readonly EngineStatus[];
}

/**
 * Opens every engine and trains one step on each. The engine that was current before is current
 * again.
 */
export async function inspectEngines(): Promise<EngineReport> {
  const current = tf.engine().backendName;
  const platform = nodePlatform();
  await platform.registerGradients();
  const engines: EngineStatus[] = [];
  for (const candidate of platform.providers) {
    const result = await probeEngine(candidate);
    engines.push({
      name: candidate.name,
      ...('reason' in result ? { trains: false, ...result } : { trains: true, ...result }),
    });
  }
  if (current) await tf.setBackend(current);
  return {
    platform: `${process.platform} ${arch()}, ${release()}`,
    node: process.version,
    libtensorflow: inspectLibrary(engines.find(({ name }) => name === 'tensorflow')),
    installed: installedVersions().map(({ directory }) => directory),
    compile: process.env.KD_COMPILE !== 'off',
    engines,
  };
}

function inspectLibrary(state: EngineStatus | undefined): EngineReport['libtensorflow'] {
  const found = locateLibrary();
  if ('reason' in found) return found;
  const { directory, from } = found;
  if (!state?.trains) return { directory, from };
  const { version, device } = state;
  const build = detectBuild(directory);
  // Applying them a second time changes nothing, and returns them.
  return {
    directory,
    from,
    loaded: {
      version,
      build,
      device,
      why: explainDevice(directory, build, device),
      preparation: applyProcessSettings(),
    },
  };
}
