import {
  clone,
  type DataId,
  type Tensor,
  type TensorContainer,
  type Variable,
} from '@tensorflow/tfjs-core';
import { callOnThreadPool } from '../capi/api.ts';
import { assertOk } from '../capi/context.ts';
import { Slots } from '../capi/scratchArena.ts';
import type { Pointer } from '../capi/types.ts';
import type { Capture } from '../trace/captures.ts';
import { type CallPlan, inputData, type ValueType } from './callPlan.ts';
import type { Compiler } from './compiler.ts';
import { unflatten } from './tree.ts';

/** Prefix of TensorFlow's messages about failed calls. */
const caller = 'compile';

/** One traced signature of a function: a call is one op. */
export class ConcreteFunction {
  readonly #compiler: Compiler;
  readonly #plan: CallPlan;
  readonly #outputs: OutputBinder;
  readonly #name: Pointer;
  /** Inputs, number of outputs, outputs of synchronous calls. */
  readonly #block: Slots;
  #pending = 0;
  #released = false;

  constructor(compiler: Compiler, plan: CallPlan) {
    const { libc } = compiler.runtime.memory;
    this.#compiler = compiler;
    this.#plan = plan;
    this.#outputs = new OutputBinder(compiler, plan);
    this.#block = this.#newBlock();
    const name = Buffer.from(`${plan.name ?? ''}\0`);
    this.#name = libc.malloc(name.length);
    libc.copyIn(this.#name, name, name.length);
  }

  /** Runs the function. @param args Its arguments, flat. @throws Error with TensorFlow's message. */
  call(args: readonly Tensor[]): TensorContainer {
    const passedThrough = this.#outputs.copyPassedThrough(args);
    try {
      return this.#outputs.bind([...this.#execute(args), ...passedThrough]);
    } catch (error) {
      this.#outputs.deleteHandles(passedThrough);
      throw error;
    }
  }

  /**
   * Runs the function on another thread. Arguments may be disposed meanwhile; variables that the
   * call updates must not be assigned.
   */
  async callAsync(args: readonly Tensor[]): Promise<TensorContainer> {
    const passedThrough = this.#outputs.copyPassedThrough(args);
    const versions = this.#outputs.variableVersions();
    let handles: readonly Pointer[] = passedThrough;
    this.#pending++;
    try {
      handles = [...(await this.#executeAsync(args)), ...passedThrough];
      this.#outputs.assertVersions(versions);
    } catch (error) {
      this.#outputs.deleteHandles(handles);
      throw error;
    } finally {
      this.#pending--;
      if (this.#released && this.#pending === 0) this.#remove();
    }
    return this.#outputs.bind(handles);
  }

  /** Removes the function from the context once the calls under way have ended. */
  release(): void {
    this.#released = true;
    if (this.#pending === 0) this.#remove();
  }

  #execute(args: readonly Tensor[]): Pointer[] {
    if (this.#plan.name === undefined) return [];
    const { api, context } = this.#compiler.runtime;
    const op = this.#createOp(args, this.#block);
    api.TFE_Execute(op, this.#outputsAt(this.#block), this.#countAt(this.#block), context.status);
    api.TFE_DeleteOp(op);
    assertOk(api, context.status, caller);
    return this.#handles(this.#block);
  }

  /**
   * Executes with a block and a status of its own, since shared ones change meanwhile. The op holds
   * its inputs.
   */
  async #executeAsync(args: readonly Tensor[]): Promise<Pointer[]> {
    if (this.#plan.name === undefined) return [];
    const { api } = this.#compiler.runtime;
    const block = this.#newBlock();
    const status = api.TF_NewStatus();
    try {
      const op = this.#createOp(args, block);
      try {
        await callOnThreadPool(
          api.TFE_Execute,
          op,
          this.#outputsAt(block),
          this.#countAt(block),
          status,
        );
      } finally {
        api.TFE_DeleteOp(op);
      }
      assertOk(api, status, caller);
      return this.#handles(block);
    } finally {
      api.TF_DeleteStatus(status);
      block.free();
    }
  }

  /** Creates an op with its inputs, ready to be executed, and a block for its outputs. */
  #createOp(args: readonly Tensor[], block: Slots): Pointer {
    const { inputs, computed } = this.#plan;
    const { api, context } = this.#compiler.runtime;
    const { tensors } = this.#compiler.binding;
    for (let at = 0; at < inputs.length; at++) {
      const capture = inputs[at] as Capture;
      block.putPointer(at, tensors.handle(inputData(this.#compiler, capture, args).id));
    }
    const op = api.TFE_NewOp(context.at, this.#name, context.status);
    assertOk(api, context.status, caller);
    api.TFE_OpAddInputList(op, block.slot(0), inputs.length, context.status);
    assertOk(api, context.status, caller);
    block.putInteger(inputs.length, computed.length);
    return op;
  }

  #handles(block: Slots): Pointer[] {
    const first = this.#plan.inputs.length + 1;
    return this.#plan.computed.map((_, at) => block.pointerAt(first + at));
  }

  #newBlock(): Slots {
    const { inputs, computed } = this.#plan;
    return new Slots(this.#compiler.runtime.memory.libc, inputs.length + 1 + computed.length);
  }

  #countAt(block: Slots): Pointer {
    return block.slot(this.#plan.inputs.length);
  }

  #outputsAt(block: Slots): Pointer {
    return block.slot(this.#plan.inputs.length + 1);
  }

  #remove(): void {
    const { api, context, memory } = this.#compiler.runtime;
    if (this.#plan.name !== undefined)
      api.TFE_ContextRemoveFunction(context.at, this.#name, context.status);
    memory.libc.free(this.#name);
    this.#block.free();
  }
}

/** The value of a variable at some time: it differs after every assignment. */
interface VariableVersion {
  readonly dataId: DataId;
  readonly id: number;
}

/** Turns the handles of a call's values into the caller's results and the variables' values. */
class OutputBinder {
  readonly #compiler: Compiler;
  readonly #plan: CallPlan;
  readonly #types: readonly ValueType[];
  /** Whether a value is used exactly once. */
  readonly #isSingleUse: readonly boolean[];

  constructor(compiler: Compiler, plan: CallPlan) {
    this.#compiler = compiler;
    this.#plan = plan;
    this.#types = [...plan.computed, ...plan.passedThroughTypes];
    const uses = this.#types.map(() => 0);
    for (const value of [...plan.results, ...plan.variableUpdates.map(({ value }) => value)])
      uses[value] = (uses[value] ?? 0) + 1;
    this.#isSingleUse = uses.map((count) => count === 1);
  }

  /**
   * Handles of the values that are passed through, on the same memory: arguments may be disposed
   * and variables assigned before the call ends.
   */
  copyPassedThrough(args: readonly Tensor[]): Pointer[] {
    const { api, context } = this.#compiler.runtime;
    const { tensors } = this.#compiler.binding;
    return this.#plan.passedThrough.map((capture) => {
      const copy = api.TFE_TensorHandleCopySharingTensor(
        tensors.handle(inputData(this.#compiler, capture, args).id),
        context.status,
      );
      assertOk(api, context.status, caller);
      return copy;
    });
  }

  deleteHandles(handles: readonly Pointer[]): void {
    for (const handle of handles) this.#compiler.runtime.api.TFE_DeleteTensorHandle(handle);
  }

  /** The versions of the variables that the call updates. */
  variableVersions(): VariableVersion[] {
    return this.#plan.variableUpdates.map(({ variable }) => ({
      dataId: variable.dataId,
      id: this.#compiler.uploaded(variable).id,
    }));
  }

  /** @throws Error if a variable was assigned meanwhile: the call would undo that. */
  assertVersions(versions: readonly VariableVersion[]): void {
    this.#plan.variableUpdates.forEach(({ variable }, at) => {
      const { dataId, id } = versions[at] as VariableVersion;
      if (
        !variable.isDisposed &&
        variable.dataId === dataId &&
        this.#compiler.data(variable).id === id
      )
        return;
      const change = variable.isDisposed ? 'disposed' : 'assigned';
      throw new Error(
        `compile: expected variables that stay as they are until a call has ended, got ${variable.name} ${change} meanwhile; await it before the next.`,
      );
    });
  }

  /** Takes over the handles of all values. @returns The results. */
  bind(handles: readonly Pointer[]): TensorContainer {
    const { results, resultTree, variableUpdates } = this.#plan;
    const created = new Map<number, Tensor>();
    const tensorOf = (value: number): Tensor => {
      const known = created.get(value);
      if (known !== undefined) return clone(known);
      const tensor = this.#tensor(value, handles[value] as Pointer);
      created.set(value, tensor);
      return tensor;
    };
    const values = results.map(tensorOf);
    for (const { variable, value } of variableUpdates) {
      if (this.#isSingleUse[value] && this.#replace(variable, value, handles[value] as Pointer))
        continue;
      const tensor = tensorOf(value);
      variable.assign(tensor);
      tensor.dispose();
    }
    return unflatten(resultTree, values);
  }

  #tensor(value: number, handle: Pointer): Tensor {
    const { shape, dtype } = this.#types[value] as ValueType;
    return this.#compiler.tensor(
      this.#compiler.binding.tensors.register(handle, dtype),
      shape,
      dtype,
    );
  }

  /**
   * Replaces only the handle in a variable's data if nothing else shares that data: a third of the
   * time of an assignment. @returns Whether it did.
   */
  #replace(variable: Variable, value: number, handle: Pointer): boolean {
    const { tensors } = this.#compiler.binding;
    const data = this.#compiler.data(variable);
    if (data.refCount !== 1) return false;
    if (data.id >= 0) tensors.delete(data.id);
    data.id = tensors.register(handle, (this.#types[value] as ValueType).dtype);
    data.values = null;
    return true;
  }
}
