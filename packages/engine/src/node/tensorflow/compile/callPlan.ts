import type { DataId, Tensor, Variable } from '@tensorflow/tfjs-core';
import type { GraphOutput } from '../capi/types.ts';
import type { TensorData } from '../tensors/types.ts';
import type { Capture } from '../trace/captures.ts';
import type { Trace } from '../trace/tracer.ts';
import type { Compiler } from './compiler.ts';
import type { Tree } from './tree.ts';

/** Shape and TF_DataType of a value, known from the trace. */
export interface ValueType {
  readonly shape: readonly number[];
  readonly dtype: number;
}

/** A variable that a call assigns, and the number of the value that it gets. */
export interface VariableUpdate {
  readonly variable: Variable;
  readonly value: number;
}

/**
 * What one call of a concrete function reads, passes and writes back, decided at tracing. The
 * values of a call are numbered: first those that the function computes, then those that are passed
 * through as they came in.
 */
export interface CallPlan {
  /** Name of the TF function in the context; undefined if nothing is computed. */
  readonly name: string | undefined;
  /** Sources of the function's inputs, in order. */
  readonly inputs: readonly Capture[];
  readonly computed: readonly ValueType[];
  /** Sources of the values that are passed through, and their types. */
  readonly passedThrough: readonly Capture[];
  readonly passedThroughTypes: readonly ValueType[];
  /** Numbers of the values that the caller gets, in the order of the tree's leaves. */
  readonly results: readonly number[];
  readonly resultTree: Tree;
  readonly variableUpdates: readonly VariableUpdate[];
}

/** A value among those computed or those passed through. */
export interface OutputRef {
  readonly from: 'computed' | 'passedThrough';
  readonly index: number;
}

/** Collects the outputs that a function must compute for some values, each once. */
export class OutputSpec {
  /** Outputs of the graph, with `computed` for their types. */
  readonly ports: GraphOutput[] = [];
  readonly computed: ValueType[] = [];
  readonly passedThrough: Capture[] = [];
  readonly passedThroughTypes: ValueType[] = [];
  readonly #known = new Map<string, OutputRef>();
  readonly #compiler: Compiler;
  readonly #trace: Trace;

  constructor(compiler: Compiler, trace: Trace) {
    this.#compiler = compiler;
    this.#trace = trace;
  }

  /** Adds the value of a tensor. */
  add(dataId: DataId): OutputRef {
    return this.addId(this.#trace.idOf(dataId, this.#compiler.data({ dataId })));
  }

  /** Adds a value by its id in the trace. */
  addId(id: number): OutputRef {
    const capture = this.#trace.captureOf(id);
    const port = capture === undefined ? this.#trace.output(id) : undefined;
    const key = port === undefined ? `${id}` : `${port.operation} ${port.index}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const { shape, dtype } = this.#trace.typeOf(id);
    const created: OutputRef =
      capture === undefined
        ? { from: 'computed', index: this.computed.push({ shape, dtype }) - 1 }
        : { from: 'passedThrough', index: this.passedThroughTypes.push({ shape, dtype }) - 1 };
    if (port !== undefined) this.ports.push(port);
    if (capture !== undefined) this.passedThrough.push(capture);
    this.#known.set(key, created);
    return created;
  }
}

/**
 * The data of an input at a call, uploaded. @param args The arguments, flat. @throws Error if the
 * variable or the captured tensor was disposed.
 */
export function inputData(
  compiler: Compiler,
  capture: Capture,
  args: readonly Tensor[],
): TensorData {
  if (capture.kind === 'argument') return compiler.uploaded(args[capture.index] as Tensor);
  if (capture.kind === 'variable') {
    const { variable } = capture;
    if (variable.isDisposed)
      throw new Error(
        `compile: expected the variables that the function uses, got ${variable.name}, which was disposed; compile the function again.`,
      );
    return compiler.uploaded(variable);
  }
  const { dataId, shape, line } = capture;
  if (!compiler.backend.tensorMap.has(dataId)) {
    throw new Error(
      `compile: expected the tensor of shape [${shape.join(', ')}] that the function captured at ${line}, but it was disposed; pass it as an argument.`,
    );
  }
  return compiler.uploaded(capture);
}
