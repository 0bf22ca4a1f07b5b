import type { DataId } from '@tensorflow/tfjs-core';
import type { GraphOutput } from '../c/api.ts';
import type { Source } from '../trace/source.ts';
import type { Trace } from '../trace/trace.ts';
import type { Compiler } from './compiler.ts';

/**
 * Where a value is found after a call: among what the function computes, or among what is handed
 * through as it came in.
 */
export interface Pick {
  readonly from: 'computed' | 'passed';
  readonly index: number;
}

/** Shape and type of a value, known from the trace. */
export interface ValueType {
  readonly shape: readonly number[];
  readonly dtype: number;
}

/** Collects what a function must compute for some values, each once. */
export class Outputs {
  /** Outputs of the graph, and their types. */
  readonly ports: GraphOutput[] = [];
  readonly computed: ValueType[] = [];
  /** Inputs that are values as they are, and their types. */
  readonly sources: Source[] = [];
  readonly passed: ValueType[] = [];
  readonly #trace: Trace;
  readonly #compiler: Compiler;
  readonly #known = new Map<string, Pick>();

  constructor(compiler: Compiler, trace: Trace) {
    this.#compiler = compiler;
    this.#trace = trace;
  }

  /** @param dataId Of the value. */
  pick(dataId: DataId): Pick {
    return this.pickId(this.#trace.idOf(dataId, this.#compiler.data({ dataId })));
  }

  /** @param id Of the value in the trace. */
  pickId(id: number): Pick {
    const source = this.#trace.sourceOf(id);
    const port = source === undefined ? this.#trace.output(id) : undefined;
    const key = port === undefined ? `${id}` : `${port.operation} ${port.index}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const { shape, dtype } = this.#trace.typeOf(id);
    const made: Pick =
      source === undefined
        ? { from: 'computed', index: this.computed.push({ shape, dtype }) - 1 }
        : { from: 'passed', index: this.passed.push({ shape, dtype }) - 1 };
    if (port !== undefined) this.ports.push(port);
    if (source !== undefined) this.sources.push(source);
    this.#known.set(key, made);
    return made;
  }
}
