import { arch, release } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import type { EngineName, Opened } from '../contracts.ts';
import { tryOut } from '../start.ts';
import { node } from './platform.ts';
import { findTensorflow } from './tensorflow/find.ts';

/** One engine as it is found on this machine. */
export type EngineState = { readonly name: EngineName } & (
  | ({ readonly trains: true } & Opened)
  | { readonly trains: false; readonly reason: string }
);

/** What `kd-engine doctor` prints. */
export interface Inspection {
  readonly platform: string;
  readonly node: string;
  /** Where libtensorflow was found, and how. */
  readonly libtensorflow: { readonly folder: string; readonly from: string } | { readonly reason: string };
  readonly engines: readonly EngineState[];
}

/** Tries every engine out, each with one training step; the one that was current is so again. */
export async function inspectEngines(): Promise<Inspection> {
  const current = tf.engine().backendName;
  await node.registerGradients();
  const engines: EngineState[] = [];
  for (const candidate of node.candidates) {
    const result = await tryOut(candidate);
    engines.push({ name: candidate.name, ...('reason' in result ? { trains: false, ...result } : { trains: true, ...result }) });
  }
  if (current) await tf.setBackend(current);
  return { platform: `${process.platform} ${arch()}, ${release()}`, node: process.version, libtensorflow: findTensorflow(), engines };
}
