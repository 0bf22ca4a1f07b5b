import { clone, type Tensor, type TensorContainer, type Variable } from '@tensorflow/tfjs-core';
import type { Pointer } from '../c/api.ts';
import { expectOk } from '../context.ts';
import type { Source } from '../trace/source.ts';
import type { TracedInput } from '../trace/trace.ts';
import { Block } from './block.ts';
import type { Compiler } from './compiler.ts';
import { rebuild, type Template } from './containers.ts';
import type { OutputType, Pick } from './outputs.ts';
import { dataOf } from './sources.ts';

/** A variable that a call assigns, and to what. */
export interface Change {
  readonly variable: Variable;
  readonly value: Pick;
}

/** What a trace has found out. */
export interface Plan {
  /** The function's name in the context; undefined where there is nothing to compute. */
  readonly name: string | undefined;
  readonly inputs: readonly TracedInput[];
  readonly outputs: readonly OutputType[];
  readonly results: readonly Pick[];
  readonly template: Template;
  readonly changes: readonly Change[];
}

/** A traced function, for one signature. */
export class Program {
  readonly #compiler: Compiler;
  readonly #plan: Plan;
  readonly #name: Pointer;
  readonly #block: Block;

  constructor(compiler: Compiler, plan: Plan) {
    const { libc } = compiler.runtime.memory;
    this.#compiler = compiler;
    this.#plan = plan;
    this.#block = new Block(libc, plan.inputs.length + plan.outputs.length + 1);
    const name = Buffer.from(`${plan.name ?? ''}\0`);
    this.#name = libc.malloc(name.length);
    libc.copyIn(this.#name, name, name.length);
  }

  /** Runs the function. @param given Its arguments, flat. */
  call(given: readonly Tensor[]): TensorContainer {
    if (this.#plan.name === undefined) return this.#finish(given, []);
    const { api, context } = this.#compiler.runtime;
    const op = this.#prepare(given, this.#block);
    try {
      api.TFE_Execute(op, this.#block.slot(1), this.#block.slot(0), context.status);
    } finally {
      api.TFE_DeleteOp(op);
    }
    expectOk(api, context.status, 'compile');
    return this.#finish(given, this.#handles(this.#block));
  }

  /** Forgets the function. */
  release(): void {
    const { api, context, memory } = this.#compiler.runtime;
    if (this.#plan.name !== undefined) api.TFE_ContextRemoveFunction(context.at, this.#name, context.status);
    memory.libc.free(this.#name);
    this.#block.free();
  }

  /** An op with its inputs, ready to be executed; the block is ready for its outputs. */
  #prepare(given: readonly Tensor[], block: Block): Pointer {
    const { inputs, outputs } = this.#plan;
    const { api, context } = this.#compiler.runtime;
    const { tensors } = this.#compiler.binding;
    inputs.forEach(({ source }, at) => {
      block.putPointer(at, tensors.handle(dataOf(this.#compiler, source, given).id));
    });
    const op = api.TFE_NewOp(context.at, this.#name, context.status);
    expectOk(api, context.status, 'compile');
    api.TFE_OpAddInputList(op, block.slot(0), inputs.length, context.status);
    block.int32[0] = outputs.length;
    return op;
  }

  #handles(block: Block): Pointer[] {
    return this.#plan.outputs.map((_, at) => block.pointerAt(at + 1));
  }

  #finish(given: readonly Tensor[], handles: readonly Pointer[]): TensorContainer {
    const { outputs, results, template, changes } = this.#plan;
    const made = new Map<number, Tensor>();
    const find = (pick: Pick): Tensor => {
      if ('source' in pick) return this.#share(pick.source, given);
      const known = made.get(pick.output);
      if (known !== undefined) return clone(known);
      const { shape, dtype } = outputs[pick.output] as OutputType;
      const tensor = this.#compiler.tensor(this.#compiler.binding.tensors.keep(handles[pick.output] as Pointer, dtype), shape, dtype);
      made.set(pick.output, tensor);
      return tensor;
    };
    const values = results.map(find);
    const assigned = changes.map(({ value }) => find(value));
    changes.forEach(({ variable }, at) => {
      variable.assign(assigned[at] as Tensor);
      assigned[at]?.dispose();
    });
    return rebuild(template, values);
  }

  #share(source: Source, given: readonly Tensor[]): Tensor {
    if (source.kind === 'argument') return clone(given[source.index] as Tensor);
    if (source.kind === 'variable') return clone<Tensor>(source.variable);
    const { api, context } = this.#compiler.runtime;
    const { binding } = this.#compiler;
    const { id, shape, dtype } = dataOf(this.#compiler, source, given);
    const shared = api.TFE_TensorHandleCopySharingTensor(binding.tensors.handle(id), context.status);
    expectOk(api, context.status, 'compile');
    return this.#compiler.tensor(binding.tensors.keep(shared, dtype), shape, dtype);
  }
}
