/** What @kd/engine speaks of: engines, and candidates for one. */
import type { ProcessGroup } from '@kd/core';

/** The engines there are, quickest first: the order in which they are tried. */
export const engineNames = ['tensorflow', 'webgpu', 'wasm', 'cpu'] as const;

/**
 * `tensorflow`: libtensorflow. `webgpu`: a GPU through WebGPU. `wasm`: WebAssembly. `cpu`: plain
 * JavaScript, for tests.
 */
export type EngineName = (typeof engineNames)[number];

/** Why an engine was not taken. */
export interface Unavailable {
  readonly name: EngineName;
  /** One line, with what to do about it where something can be done. */
  readonly reason: string;
}

/** The engine that TensorFlow.js computes on from now on. */
export interface Engine {
  readonly name: EngineName;
  /** Of the library or package that computes: `2.21.0`. */
  readonly version: string;
  /** What it computes on: `CPU`, `GPU:0`. */
  readonly device: string;
  /** That one operation may use. */
  readonly threads: number;
  /** Those that were tried before it. */
  readonly refused: readonly Unavailable[];
  /** The processes it computes together with, where it was started in a cluster. */
  readonly group?: ProcessGroup;
}

/** What a candidate says of itself when it is open. */
export interface OpenedEngine {
  readonly version: string;
  readonly device: string;
  readonly threads: number;
  /** For people, in a few words each: `oneDNN`, the library's directory. */
  readonly notes: readonly string[];
  readonly group?: ProcessGroup;
  /** Why nobody would want it who did not ask for it by name, where that is so. */
  readonly onlyIfNamed?: string;
}

/** One way to compute: it knows how to register itself with TensorFlow.js, or why it cannot. */
export interface EngineProvider {
  readonly name: EngineName;
  /** Registers the backend of this name, ready for `setBackend`. A second call is cheap. */
  open(): Promise<OpenedEngine | { readonly reason: string }>;
}
