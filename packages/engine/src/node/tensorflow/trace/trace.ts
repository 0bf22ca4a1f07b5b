import type { DataId } from '@tensorflow/tfjs-core';
import type { Attribute } from '../attributes.ts';
import type { GraphOutput, Pointer } from '../c/api.ts';
import { attributeType, dataType } from '../constants.ts';
import type { TensorData } from '../kernels.ts';
import type { TensorMetadata, TensorValues } from '../tensors.ts';
import { callerLine } from './caller.ts';
import { constantKey, isOfOneValue, type Numbers } from './constants.ts';
import { type Call, Fusion } from './fusion.ts';
import { GraphBuilder, type GraphNode, type Workshop } from './graphBuilder.ts';
import { changesNothing, Repeats } from './repeats.ts';
import type { Source } from './source.ts';
import { isSymbolic, readWhileTracing, type SymbolicIds, traceHasEnded } from './symbolic.ts';

/** An input of the function that is used. */
export interface TracedInput {
  readonly source: Source;
  readonly operation: Pointer;
}

/** A tensor while tracing; inputs and constants become nodes when they are first used. */
interface Symbolic {
  readonly shape: readonly number[];
  readonly dtype: number;
  /** Of an input. */
  readonly source?: Source;
  readonly make?: () => Pointer;
  /** Whether its shape is not the one that is told here. */
  readonly opaque?: boolean;
  output?: GraphOutput;
}

/**
 * A function being recorded: ops become nodes of a graph, tensors stand for outputs of nodes, known
 * to TF.js by ids below −1.
 */
export class Trace {
  readonly builder: GraphBuilder;
  /** In the order in which they were first used. */
  readonly inputs: TracedInput[] = [];
  readonly #ids: SymbolicIds;
  readonly #fusion = new Fusion();
  readonly #repeats = new Repeats();
  readonly #symbols = new Map<number, Symbolic>();
  readonly #constants = new Map<string, Pointer>();
  readonly #written = new WeakSet<DataId>();
  /** Ids of tensors that are not symbolic themselves, where they were used. */
  readonly #outside = new Map<DataId, number>();
  #failure: Error | undefined;

  constructor(workshop: Workshop, ids: SymbolicIds) {
    this.builder = new GraphBuilder(workshop);
    this.#ids = ids;
  }

  /** The first error: the function may have caught it, but what it recorded is not whole. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Notes an error. @returns It, to be thrown. */
  fail(error: Error): Error {
    this.#failure ??= error;
    return error;
  }

  /** What to throw where a value is read. */
  refuseRead(): Error {
    return this.fail(readWhileTracing());
  }

  /** A tensor that the function is given. @returns Its id. */
  input(source: Source, shape: readonly number[], dtype: number): number {
    return this.#add({ shape, dtype, source, make: () => this.#placeholder(source, shape, dtype) });
  }

  /** A constant. @returns Its id. */
  constant(shape: readonly number[], dtype: number, values: TensorValues): number {
    return this.#add({ shape, dtype, make: () => this.#constant(shape, dtype, values) });
  }

  /** Notes that JavaScript wrote these values while tracing: they are a constant. */
  wrote(dataId: DataId): void {
    this.#written.add(dataId);
  }

  /** Whether a value is a constant of the function. */
  isConstant(dataId: DataId): boolean {
    return this.#written.has(dataId);
  }

  /**
   * The id by which the function uses some data: symbolic, a constant, or captured because it was
   * there before.
   */
  idOf(dataId: DataId, { id, shape, dtype, values }: TensorData): number {
    if (isSymbolic(id)) return id;
    const known = this.#outside.get(dataId);
    if (known !== undefined) return known;
    const isConstant = this.isConstant(dataId) && values !== null;
    const captured: Source = {
      kind: 'captured',
      dataId,
      shape,
      dtype,
      line: isConstant ? '' : callerLine(),
    };
    const made = isConstant
      ? this.constant(shape, dtype, values)
      : this.input(captured, shape, dtype);
    this.#outside.set(dataId, made);
    return made;
  }

  /**
   * Appends a node instead of running an op.
   * @throws Error that names op and line, where no node can be made or its shape depends on values.
   */
  run(
    op: string,
    attributes: readonly Attribute[],
    inputIds: readonly number[],
    outputCount: number,
  ): TensorMetadata[] {
    const inputs = inputIds.map((id) => this.output(id));
    if (changesNothing(op, attributes)) {
      const [id] = inputIds as [number];
      const { shape, dtype } = this.typeOf(id);
      return [{ id, shape: [...shape], dtype }];
    }
    const call = this.#fusion.fused({ op, attributes, inputs });
    const node = this.#repeats.of(call) ?? this.#append(call);
    const { operation } = node;
    this.#repeats.note(call, node);
    this.#fusion.note(operation, call);
    return Array.from({ length: outputCount }, (_, index) =>
      this.#metadata(op, { operation, index }),
    );
  }

  /**
   * The output that a tensor stands for. @throws Error where it belongs to a trace that has ended.
   */
  output(id: number): GraphOutput {
    const symbol = this.#symbol(id);
    symbol.output ??= { operation: (symbol.make as () => Pointer)(), index: 0 };
    return symbol.output;
  }

  /** Where a tensor comes from, if the function was given it. */
  sourceOf(id: number): Source | undefined {
    return this.#symbol(id).source;
  }

  /** Shape and type of a tensor. @throws Error where its shape is not known. */
  typeOf(id: number): { readonly shape: readonly number[]; readonly dtype: number } {
    const symbol = this.#symbol(id);
    if (symbol.opaque === true) throw this.fail(shapeDependsOnValues('an op', undefined));
    return symbol;
  }

  /** Frees the graph. */
  close(): void {
    this.builder.delete();
    this.#symbols.clear();
    this.#outside.clear();
  }

  #symbol(id: number): Symbolic {
    const symbol = this.#symbols.get(id);
    if (symbol === undefined) throw this.fail(traceHasEnded());
    return symbol;
  }

  #add(symbol: Symbolic): number {
    const id = this.#ids.take();
    this.#symbols.set(id, symbol);
    return id;
  }

  #append({ op, attributes, inputs }: Call): GraphNode {
    try {
      return this.builder.append(op, attributes, inputs);
    } catch (cause) {
      throw this.fail(
        new Error(
          `compile: could not record an op at ${callerLine()}: ${(cause as Error).message}`,
          { cause },
        ),
      );
    }
  }

  #placeholder(source: Source, shape: readonly number[], dtype: number): Pointer {
    const { operation } = this.builder.placeholder(shape, dtype);
    this.inputs.push({ source, operation });
    return operation;
  }

  #constant(shape: readonly number[], dtype: number, values: TensorValues): Pointer {
    const key = constantKey(shape, dtype, values);
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const { operation } = isOfOneValue(values)
      ? this.#fill(shape, dtype, values)
      : this.builder.constant(shape, dtype, values);
    if (key !== undefined) this.#constants.set(key, operation);
    return operation;
  }

  #fill(shape: readonly number[], dtype: number, values: Numbers): GraphNode {
    const sides = this.output(
      this.constant([shape.length], dataType.int32, Int32Array.from(shape)),
    );
    const value = this.output(this.constant([], dtype, values.subarray(0, 1)));
    return this.builder.append(
      'Fill',
      [{ name: 'T', type: attributeType.type, value: dtype }],
      [sides, value],
    );
  }

  #metadata(op: string, output: GraphOutput): TensorMetadata {
    const dtype = this.builder.typeOf(output);
    const isOpaque = opaque.has(`${op}:${output.index}`);
    const shape = isOpaque ? [0] : this.builder.shapeOf(output);
    if (shape === undefined || shape.some((side) => side < 0))
      throw this.fail(shapeDependsOnValues(op, shape));
    return { id: this.#add({ shape, dtype, output, opaque: isOpaque }), shape, dtype };
  }
}

/**
 * Outputs that only go on to another op of the same graph, and whose shape is a matter of the
 * device.
 */
const opaque: ReadonlySet<string> = new Set(['FusedBatchNormV3:5']);

function shapeDependsOnValues(op: string, shape: readonly number[] | undefined): Error {
  const got =
    shape === undefined
      ? 'of any rank'
      : `[${shape.map((side) => (side < 0 ? '?' : side)).join(', ')}]`;
  return new Error(
    `compile: expected ops whose shapes do not depend on values, got ${op} with an output ${got} at ${callerLine()}; ` +
      'move it out of the compiled function.',
  );
}
