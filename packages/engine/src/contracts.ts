/** The types of @kd/engine: engines, and the providers that open them. */
import type { ProcessGroup } from '@kd/core';

/** All engines, fastest first: the order in which they are tried. */
export const engineNames = ['tensorflow', 'webgpu', 'wasm', 'cpu'] as const;

/**
 * `tensorflow`: libtensorflow. `webgpu`: a GPU through WebGPU. `wasm`: WebAssembly. `cpu`: plain
 * JavaScript, for tests.
 */
export type EngineName = (typeof engineNames)[number];

/** An engine that did not start, and the reason. */
export interface Unavailable {
  readonly name: EngineName;
  /** One line, with the remedy if there is one. */
  readonly reason: string;
}

/** The engine that TensorFlow.js computes on. */
export interface Engine {
  readonly name: EngineName;
  /** Version of the library or package that computes: `2.21.0`. */
  readonly version: string;
  /** The device it computes on: `CPU`, `GPU:0`. */
  readonly device: string;
  /** Number of threads of one operation. */
  readonly threads: number;
  /** Engines that were tried before it. */
  readonly refused: readonly Unavailable[];
  /** The processes that it computes together with; only if it was started in a process group. */
  readonly group?: ProcessGroup;
}

/** The description of an engine that has been opened. */
export interface OpenedEngine {
  readonly version: string;
  readonly device: string;
  readonly threads: number;
  /** Short remarks for the log: `oneDNN`. */
  readonly notes: readonly string[];
  readonly group?: ProcessGroup;
  /** Present if the engine should start only when it is named: the reason. */
  readonly onlyIfNamed?: string;
}

/**
 * Opens one engine: registers its backend with TensorFlow.js, or gives the reason why it cannot.
 */
export interface EngineProvider {
  readonly name: EngineName;
  /** Registers the backend of this name, ready for `setBackend`. A second call is cheap. */
  open(): Promise<OpenedEngine | { readonly reason: string }>;
}
