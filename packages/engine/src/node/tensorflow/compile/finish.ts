import {
  clone,
  type DataId,
  type Tensor,
  type TensorContainer,
  type Variable,
} from '@tensorflow/tfjs-core';
import type { Pointer } from '../c/api.ts';
import { expectOk } from '../context.ts';
import type { Compiler } from './compiler.ts';
import { rebuild } from './containers.ts';
import type { ValueType } from './outputs.ts';
import type { Plan } from './plan.ts';
import { dataOf } from './sources.ts';

/** Which value a variable has: it differs after every assignment. */
interface Version {
  readonly dataId: DataId;
  readonly id: number;
}

/** Turns the handles of a call's values into what the caller gets and what variables hold. */
export class Finish {
  readonly #compiler: Compiler;
  readonly #plan: Plan;
  readonly #types: readonly ValueType[];
  /** Whether a value goes to one place only. */
  readonly #isSingle: readonly boolean[];

  constructor(compiler: Compiler, plan: Plan) {
    this.#compiler = compiler;
    this.#plan = plan;
    this.#types = [...plan.computed, ...plan.passed];
    const uses = this.#types.map(() => 0);
    for (const value of [...plan.results, ...plan.changes.map((change) => change.value)])
      uses[value] = (uses[value] ?? 0) + 1;
    this.#isSingle = uses.map((count) => count === 1);
  }

  /**
   * Handles of what is passed through, on the same memory: arguments may be disposed of and
   * variables assigned before the call ends.
   */
  hold(given: readonly Tensor[]): Pointer[] {
    const { api, context } = this.#compiler.runtime;
    const { tensors } = this.#compiler.binding;
    return this.#plan.sources.map((source) => {
      const held = api.TFE_TensorHandleCopySharingTensor(
        tensors.handle(dataOf(this.#compiler, source, given).id),
        context.status,
      );
      expectOk(api, context.status, 'compile');
      return held;
    });
  }

  drop(handles: readonly Pointer[]): void {
    for (const handle of handles) this.#compiler.runtime.api.TFE_DeleteTensorHandle(handle);
  }

  /** Of the variables that the call changes. */
  versions(): Version[] {
    return this.#plan.changes.map(({ variable }) => ({
      dataId: variable.dataId,
      id: this.#compiler.uploaded(variable).id,
    }));
  }

  /** @throws Error where one of them was assigned meanwhile: the call would undo that. */
  expectVersions(versions: readonly Version[]): void {
    this.#plan.changes.forEach(({ variable }, at) => {
      const { dataId, id } = versions[at] as Version;
      if (
        !variable.isDisposed &&
        variable.dataId === dataId &&
        this.#compiler.data(variable).id === id
      )
        return;
      const what = variable.isDisposed ? 'disposed of' : 'assigned';
      throw new Error(
        `compile: expected variables that stay as they are until a call has ended, got ${variable.name} ${what} meanwhile; await it before the next.`,
      );
    });
  }

  /** Takes the handles over. @param handles Of all values. @returns The results. */
  finish(handles: readonly Pointer[]): TensorContainer {
    const { results, template, changes } = this.#plan;
    const made = new Map<number, Tensor>();
    const tensorOf = (value: number): Tensor => {
      const known = made.get(value);
      if (known !== undefined) return clone(known);
      const tensor = this.#tensor(value, handles[value] as Pointer);
      made.set(value, tensor);
      return tensor;
    };
    const values = results.map(tensorOf);
    for (const { variable, value } of changes) {
      if (this.#isSingle[value] && this.#replace(variable, value, handles[value] as Pointer))
        continue;
      const tensor = tensorOf(value);
      variable.assign(tensor);
      tensor.dispose();
    }
    return rebuild(template, values);
  }

  #tensor(value: number, handle: Pointer): Tensor {
    const { shape, dtype } = this.#types[value] as ValueType;
    return this.#compiler.tensor(this.#compiler.binding.tensors.keep(handle, dtype), shape, dtype);
  }

  /**
   * Where nobody else has a variable's data, only the handle in it changes: a third of the time of
   * an assignment. @returns Whether it was so.
   */
  #replace(variable: Variable, value: number, handle: Pointer): boolean {
    const { tensors } = this.#compiler.binding;
    const data = this.#compiler.data(variable);
    if (data.refCount !== 1) return false;
    if (data.id >= 0) tensors.delete(data.id);
    data.id = tensors.keep(handle, (this.#types[value] as ValueType).dtype);
    data.values = null;
    return true;
  }
}
