import type { Tensor, TensorContainer } from '@tensorflow/tfjs-core';
import type { Pointer } from '../c/api.ts';
import { callLater } from '../c/later.ts';
import { expectOk } from '../context.ts';
import { Block } from './block.ts';
import type { Compiler } from './compiler.ts';
import { Finish } from './finish.ts';
import type { Plan } from './plan.ts';
import { dataOf } from './sources.ts';

/** What TensorFlow's message about a failed call begins with. */
const where = 'compile';

/** A traced function, for one signature: a call is one op. */
export class Program {
  readonly #compiler: Compiler;
  readonly #plan: Plan;
  readonly #finish: Finish;
  readonly #name: Pointer;
  /** Inputs, how many outputs, outputs: of calls that are waited for. */
  readonly #block: Block;
  #pending = 0;
  #released = false;

  constructor(compiler: Compiler, plan: Plan) {
    const { libc } = compiler.runtime.memory;
    this.#compiler = compiler;
    this.#plan = plan;
    this.#finish = new Finish(compiler, plan);
    this.#block = this.#newBlock();
    const name = Buffer.from(`${plan.name ?? ''}\0`);
    this.#name = libc.malloc(name.length);
    libc.copyIn(this.#name, name, name.length);
  }

  /**
   * Runs the function. @param given Its arguments, flat. @throws Error with TensorFlow's message.
   */
  call(given: readonly Tensor[]): TensorContainer {
    const passed = this.#finish.hold(given);
    try {
      return this.#finish.finish([...this.#execute(given), ...passed]);
    } catch (error) {
      this.#finish.drop(passed);
      throw error;
    }
  }

  /**
   * The same on another thread. Arguments may be disposed of meanwhile; variables that the call
   * changes must not be assigned.
   */
  async later(given: readonly Tensor[]): Promise<TensorContainer> {
    const passed = this.#finish.hold(given);
    const versions = this.#finish.versions();
    let handles: readonly Pointer[] = passed;
    this.#pending++;
    try {
      handles = [...(await this.#executeLater(given)), ...passed];
      this.#finish.expectVersions(versions);
    } catch (error) {
      this.#finish.drop(handles);
      throw error;
    } finally {
      this.#pending--;
      if (this.#released && this.#pending === 0) this.#forget();
    }
    return this.#finish.finish(handles);
  }

  /** Forgets the function, when the calls under way have ended. */
  release(): void {
    this.#released = true;
    if (this.#pending === 0) this.#forget();
  }

  #execute(given: readonly Tensor[]): Pointer[] {
    if (this.#plan.name === undefined) return [];
    const { api, context } = this.#compiler.runtime;
    const op = this.#prepare(given, this.#block);
    api.TFE_Execute(op, this.#outputsAt(this.#block), this.#countAt(this.#block), context.status);
    api.TFE_DeleteOp(op);
    expectOk(api, context.status, where);
    return this.#handles(this.#block);
  }

  /**
   * With a block and a status of its own: those of others change meanwhile. The op holds its
   * inputs.
   */
  async #executeLater(given: readonly Tensor[]): Promise<Pointer[]> {
    if (this.#plan.name === undefined) return [];
    const { api } = this.#compiler.runtime;
    const block = this.#newBlock();
    const status = api.TF_NewStatus();
    try {
      const op = this.#prepare(given, block);
      try {
        await callLater(api.TFE_Execute, op, this.#outputsAt(block), this.#countAt(block), status);
      } finally {
        api.TFE_DeleteOp(op);
      }
      expectOk(api, status, where);
      return this.#handles(block);
    } finally {
      api.TF_DeleteStatus(status);
      block.free();
    }
  }

  /** An op with its inputs, ready to be executed; the block is ready for its outputs. */
  #prepare(given: readonly Tensor[], block: Block): Pointer {
    const { inputs, computed } = this.#plan;
    const { api, context } = this.#compiler.runtime;
    const { tensors } = this.#compiler.binding;
    for (let at = 0; at < inputs.length; at++) {
      const source = inputs[at] as Plan['inputs'][number];
      block.putPointer(at, tensors.handle(dataOf(this.#compiler, source, given).id));
    }
    const op = api.TFE_NewOp(context.at, this.#name, context.status);
    expectOk(api, context.status, where);
    api.TFE_OpAddInputList(op, block.slot(0), inputs.length, context.status);
    expectOk(api, context.status, where);
    block.putInteger(inputs.length, computed.length);
    return op;
  }

  #handles(block: Block): Pointer[] {
    const first = this.#plan.inputs.length + 1;
    return this.#plan.computed.map((_, at) => block.pointerAt(first + at));
  }

  #newBlock(): Block {
    const { inputs, computed } = this.#plan;
    return new Block(this.#compiler.runtime.memory.libc, inputs.length + 1 + computed.length);
  }

  #countAt(block: Block): Pointer {
    return block.slot(this.#plan.inputs.length);
  }

  #outputsAt(block: Block): Pointer {
    return block.slot(this.#plan.inputs.length + 1);
  }

  #forget(): void {
    const { api, context, memory } = this.#compiler.runtime;
    if (this.#plan.name !== undefined)
      api.TFE_ContextRemoveFunction(context.at, this.#name, context.status);
    memory.libc.free(this.#name);
    this.#block.free();
  }
}
