import type { DataId } from '@tensorflow/tfjs-core';
import type { GraphOutput } from '../c/api.ts';
import type { Source } from '../trace/source.ts';
import type { Trace } from '../trace/trace.ts';
import type { Compiler } from './compiler.ts';

/** Where a value is found after a call: among the outputs of the function, or it is something that went in. */
export type Pick = { readonly output: number } | { readonly source: Source };

/** Shape and type of an output, known from the trace. */
export interface OutputType {
  readonly shape: readonly number[];
  readonly dtype: number;
}

/** Collects the outputs that a function needs for some values, each once. */
export class Outputs {
  readonly ports: GraphOutput[] = [];
  readonly types: OutputType[] = [];
  readonly #trace: Trace;
  readonly #compiler: Compiler;
  readonly #known = new Map<string, number>();

  constructor(compiler: Compiler, trace: Trace) {
    this.#compiler = compiler;
    this.#trace = trace;
  }

  /** @param dataId Of the value. */
  pick(dataId: DataId): Pick {
    const data = this.#compiler.backend.tensorMap.get(dataId);
    return this.pickId(this.#trace.idOf(dataId, data));
  }

  /** @param id Of the value in the trace. */
  pickId(id: number): Pick {
    const source = this.#trace.sourceOf(id);
    if (source !== undefined) return { source };
    const port = this.#trace.output(id);
    const key = `${port.operation}:${port.index}`;
    const known = this.#known.get(key);
    if (known !== undefined) return { output: known };
    const output = this.ports.push(port) - 1;
    this.types.push(this.#trace.typeOf(id));
    this.#known.set(key, output);
    return { output };
  }
}
