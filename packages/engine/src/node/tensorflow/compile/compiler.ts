import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import type { Binding } from '../binding/binding.ts';
import type { NodeBackend } from '../binding/vendoredBackend.ts';
import type { Runtime } from '../capi/runtime.ts';
import { XlaClusters } from '../graph/passes/xlaClusters.ts';
import type { TensorData } from '../tensors/types.ts';

interface Releasable {
  release(): void;
}

/** What all compiled functions of a backend share. */
export class Compiler {
  readonly backend: NodeBackend;
  readonly binding: Binding;
  readonly runtime: Runtime;
  readonly xlaClusters: XlaClusters;
  /** Called before each trace. */
  readonly beforeTrace: () => void;
  /** Frees what compiled functions own when they are collected. */
  readonly #collected = new FinalizationRegistry<Releasable>((owned) => owned.release());
  #functions = 0;

  constructor(backend: NodeBackend, beforeTrace: () => void) {
    this.backend = backend;
    this.binding = backend.binding;
    this.runtime = backend.binding.runtime;
    this.xlaClusters = new XlaClusters(this.runtime, this.binding.isUsingGpuDevice());
    this.beforeTrace = beforeTrace;
  }

  /** Releases `owned` when an object is collected. */
  releaseWhenCollected(object: object, owned: Releasable): void {
    this.#collected.register(object, owned);
  }

  /** A name that no other function of this process has. */
  nextName(): string {
    this.#functions++;
    return `kd_compiled_${this.#functions}`;
  }

  /** The backend's entry for a tensor, which is moved here if another backend had it. */
  data({ dataId }: Pick<TensorInfo, 'dataId'>): TensorData {
    return this.backend.tensorMap.get(dataId);
  }

  /** The backend's entry for a tensor, which is uploaded now if it was not. */
  uploaded(tensor: Pick<TensorInfo, 'dataId'>): TensorData {
    const data = this.data(tensor);
    if (data.values !== null) this.backend.getInputTensorIds([tensor as TensorInfo]);
    return data;
  }

  /** A TF.js tensor for an id of the binding. */
  tensor(id: number, shape: readonly number[], dtype: number): Tensor {
    return this.backend.createOutputTensor({ id, shape: [...shape], dtype });
  }
}
