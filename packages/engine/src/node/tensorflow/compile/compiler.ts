import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import type { Binding, Runtime } from '../binding.ts';
import type { NodeBackend, TensorData } from '../kernels.ts';
import { Updates } from './updates.ts';

interface Releasable {
  release(): void;
}

/** What compiled functions of a backend share. */
export class Compiler {
  readonly backend: NodeBackend;
  readonly binding: Binding;
  readonly runtime: Runtime;
  readonly updates: Updates;
  /** Frees what compiled functions leave behind when they are collected. */
  readonly #collected = new FinalizationRegistry<Releasable>((left) => left.release());
  #functions = 0;

  constructor(backend: NodeBackend) {
    this.backend = backend;
    this.binding = backend.binding;
    this.runtime = backend.binding.runtime;
    this.updates = new Updates(this.binding);
  }

  /** Releases something when an object is collected. */
  releaseWithout(object: object, left: Releasable): void {
    this.#collected.register(object, left);
  }

  /** A name that no function of this process has. */
  nextName(): string {
    this.#functions++;
    return `kd_compiled_${this.#functions}`;
  }

  /** What the backend knows of a tensor; it is moved here if another backend had it. */
  data({ dataId }: Pick<TensorInfo, 'dataId'>): TensorData {
    return this.backend.tensorMap.get(dataId);
  }

  /** The same, of a tensor that is uploaded now if it was not. */
  uploaded(tensor: Pick<TensorInfo, 'dataId'>): TensorData {
    const data = this.data(tensor);
    if (data.values !== null) this.backend.getInputTensorIds([tensor as TensorInfo]);
    return data;
  }

  /** A tensor for an id of the binding. */
  tensor(id: number, shape: readonly number[], dtype: number): Tensor {
    return this.backend.createOutputTensor({ id, shape: [...shape], dtype });
  }
}
