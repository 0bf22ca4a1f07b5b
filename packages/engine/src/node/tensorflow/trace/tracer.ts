import type { DataId } from '@tensorflow/tfjs-core';
import type { Attribute } from '../capi/attributes.ts';
import type { GraphOutput, Pointer } from '../capi/types.ts';
import {
  GraphBuilder,
  type GraphContext,
  type GraphNode,
  type OpCall,
} from '../graph/graphBuilder.ts';
import { CommonSubexpressions, isNoOp } from '../graph/passes/commonSubexpressions.ts';
import { ConvFusion } from '../graph/passes/convFusion.ts';
import type { TensorData, TensorMetadata, TensorValues } from '../tensors/types.ts';
import type { Capture, FunctionInput } from './captures.ts';
import {
  callerLine,
  concreteValueError,
  endedTraceError,
  isSymbolic,
  type SymbolicIds,
} from './symbolic.ts';

/** A tensor while tracing; inputs and constants become nodes when they are first used. */
interface SymbolicTensor {
  readonly shape: readonly number[];
  readonly dtype: number;
  /** Only of an input of the function. */
  readonly capture?: Capture;
  /** Appends its node. */
  readonly build?: () => Pointer;
  /** Whether the real shape is unknown. */
  readonly isShapeless?: boolean;
  output?: GraphOutput;
}

/**
 * A function that is being traced: ops become nodes of a graph, tensors stand for outputs of nodes,
 * with ids below −1 in TF.js.
 */
export class Trace {
  readonly builder: GraphBuilder;
  /** In the order of their first use. */
  readonly inputs: FunctionInput[] = [];
  readonly #ids: SymbolicIds;
  readonly #fusion = new ConvFusion();
  readonly #subexpressions = new CommonSubexpressions();
  readonly #symbols = new Map<number, SymbolicTensor>();
  readonly #written = new WeakSet<DataId>();
  /** Ids of tensors with values, from their first use on. */
  readonly #concrete = new Map<DataId, number>();
  #failure: Error | undefined;

  constructor(context: GraphContext, ids: SymbolicIds) {
    this.builder = new GraphBuilder(context);
    this.#ids = ids;
  }

  /** The first error: the function may have caught it, but its graph is incomplete. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Makes the trace fail. @returns The error, to be thrown. */
  fail(error: Error): Error {
    this.#failure ??= error;
    return error;
  }

  /** Makes the trace fail since a value is read. @returns The error, to be thrown. */
  failRead(): Error {
    return this.fail(concreteValueError());
  }

  /** Adds an input of the function. @returns Its id. */
  input(capture: Capture, shape: readonly number[], dtype: number): number {
    return this.#add({
      shape,
      dtype,
      capture,
      build: () => this.#placeholder(capture, shape, dtype),
    });
  }

  /** Adds a constant. @returns Its id. */
  constant(shape: readonly number[], dtype: number, values: TensorValues): number {
    return this.#add({
      shape,
      dtype,
      build: () => this.builder.constant(shape, dtype, values).operation,
    });
  }

  /** Marks data that JavaScript wrote while tracing: its values are a constant. */
  markWritten(dataId: DataId): void {
    this.#written.add(dataId);
  }

  /** Whether data is a constant of the function. */
  isConstant(dataId: DataId): boolean {
    return this.#written.has(dataId);
  }

  /** The id of data in the trace: symbolic, a constant, or captured if it existed before. */
  idOf(dataId: DataId, { id, shape, dtype, values }: TensorData): number {
    if (isSymbolic(id)) return id;
    const known = this.#concrete.get(dataId);
    if (known !== undefined) return known;
    const isConstant = this.isConstant(dataId) && values !== null;
    const created = isConstant
      ? this.constant(shape, dtype, values)
      : this.input({ kind: 'captured', dataId, shape, dtype, line: callerLine() }, shape, dtype);
    this.#concrete.set(dataId, created);
    return created;
  }

  /**
   * Appends a node instead of running an op.
   * @throws Error that names op and line if no node can be added or a shape depends on values.
   */
  run(
    op: string,
    attributes: readonly Attribute[],
    inputIds: readonly number[],
    outputCount: number,
  ): TensorMetadata[] {
    const inputs = inputIds.map((id) => this.output(id));
    if (isNoOp(op, attributes)) {
      const [id] = inputIds as [number];
      const { shape, dtype } = this.typeOf(id);
      return [{ id, shape: [...shape], dtype }];
    }
    const call = this.#fusion.fuse({ op, attributes, inputs });
    const node = this.#subexpressions.find(call) ?? this.#append(call);
    const { operation } = node;
    this.#subexpressions.add(call, node);
    this.#fusion.add(operation, call);
    return Array.from({ length: outputCount }, (_, index) =>
      this.#metadata(op, { operation, index }),
    );
  }

  /** The output that a tensor stands for. @throws Error if it belongs to a trace that has ended. */
  output(id: number): GraphOutput {
    const symbol = this.#symbol(id);
    symbol.output ??= { operation: (symbol.build as () => Pointer)(), index: 0 };
    return symbol.output;
  }

  /** The source of a tensor if it is an input of the function. */
  captureOf(id: number): Capture | undefined {
    return this.#symbol(id).capture;
  }

  /** Shape and dtype of a tensor. @throws Error if its shape is unknown. */
  typeOf(id: number): { readonly shape: readonly number[]; readonly dtype: number } {
    const symbol = this.#symbol(id);
    if (symbol.isShapeless === true) throw this.fail(valueDependentShapeError('an op', undefined));
    return symbol;
  }

  /** Frees the graph. */
  close(): void {
    this.builder.delete();
    this.#symbols.clear();
    this.#concrete.clear();
  }

  #symbol(id: number): SymbolicTensor {
    const symbol = this.#symbols.get(id);
    if (symbol === undefined) throw this.fail(endedTraceError());
    return symbol;
  }

  #add(symbol: SymbolicTensor): number {
    const id = this.#ids.take();
    this.#symbols.set(id, symbol);
    return id;
  }

  #append({ op, attributes, inputs }: OpCall): GraphNode {
    try {
      return this.builder.append(op, attributes, inputs);
    } catch (cause) {
      throw this.fail(
        new Error(
          `compile: could not trace an op at ${callerLine()}: ${(cause as Error).message}`,
          {
            cause,
          },
        ),
      );
    }
  }

  #placeholder(capture: Capture, shape: readonly number[], dtype: number): Pointer {
    const { operation } = this.builder.placeholder(shape, dtype);
    this.inputs.push({ capture, operation });
    return operation;
  }

  #metadata(op: string, output: GraphOutput): TensorMetadata {
    const dtype = this.builder.typeOf(output);
    const isShapeless = shapelessOutputs.has(`${op}:${output.index}`);
    const shape = isShapeless ? [0] : this.builder.shapeOf(output);
    if (shape === undefined || shape.some((side) => side < 0))
      throw this.fail(valueDependentShapeError(op, shape));
    return { id: this.#add({ shape, dtype, output, isShapeless }), shape, dtype };
  }
}

/** Outputs that only another op of the same graph reads, and whose shape depends on the device. */
const shapelessOutputs: ReadonlySet<string> = new Set(['FusedBatchNormV3:5']);

function valueDependentShapeError(op: string, shape: readonly number[] | undefined): Error {
  const got =
    shape === undefined
      ? 'of any rank'
      : `[${shape.map((side) => (side < 0 ? '?' : side)).join(', ')}]`;
  return new Error(
    `compile: expected ops whose shapes do not depend on values, got ${op} with an output ${got} at ${callerLine()}; ` +
      'move it out of the compiled function.',
  );
}
