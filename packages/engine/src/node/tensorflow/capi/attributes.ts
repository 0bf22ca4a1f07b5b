import { expectedError } from '@kd/core';
import type { TensorflowApi } from './api.ts';
import type { ScratchArena } from './scratchArena.ts';
import { attributeType, type Pointer } from './types.ts';

/**
 * An attribute as TF.js's kernels pass it (`TFEOpAttr`); an array makes a list of its type.
 */
export interface Attribute {
  readonly name: string;
  /** One of `attributeType`. */
  readonly type: number;
  readonly value: unknown;
}

/**
 * The C functions that set attributes, each with the op or node that it is set on as the first
 * argument. The two kinds differ in their names, and in shapes, whose eager setter takes a status.
 */
export interface AttributeSetters {
  readonly String: (on: Pointer, name: Pointer, bytes: Pointer, length: number) => void;
  readonly Int: (on: Pointer, name: Pointer, value: number) => void;
  readonly Float: (on: Pointer, name: Pointer, value: number) => void;
  readonly Bool: (on: Pointer, name: Pointer, value: number) => void;
  readonly Type: (on: Pointer, name: Pointer, value: number) => void;
  readonly Shape: (on: Pointer, name: Pointer, sides: Pointer, rank: number) => void;
  /** Its bytes are the name of a function in the context. */
  readonly Func: (on: Pointer, name: Pointer, bytes: Pointer, length: number) => void;
  readonly StringList: (
    on: Pointer,
    name: Pointer,
    bytes: Pointer,
    lengths: Pointer,
    count: number,
  ) => void;
  readonly IntList: (on: Pointer, name: Pointer, values: Pointer, count: number) => void;
  readonly FloatList: (on: Pointer, name: Pointer, values: Pointer, count: number) => void;
  readonly BoolList: (on: Pointer, name: Pointer, values: Pointer, count: number) => void;
  readonly TypeList: (on: Pointer, name: Pointer, values: Pointer, count: number) => void;
}

const kinds = [
  'String',
  'Int',
  'Float',
  'Bool',
  'Type',
  'StringList',
  'IntList',
  'FloatList',
  'BoolList',
  'TypeList',
] as const;

/** The setters of an eager op (TFE_Op). */
export function eagerSetters(api: TensorflowApi, status: Pointer): AttributeSetters {
  return {
    ...commonSetters(api, 'TFE_Op'),
    Shape: (op, name, sides, rank) => api.TFE_OpSetAttrShape(op, name, sides, rank, status),
    Func: api.TFE_OpSetAttrFunctionName,
  };
}

/** The setters of a node that is being added to a graph (TF_OperationDescription). */
export function graphSetters(api: TensorflowApi): AttributeSetters {
  return {
    ...commonSetters(api, 'TF_'),
    Shape: api.TF_SetAttrShape,
    Func: api.TF_SetAttrFuncName,
  };
}

function commonSetters(
  api: TensorflowApi,
  prefix: 'TFE_Op' | 'TF_',
): Pick<AttributeSetters, (typeof kinds)[number]> {
  const entries = kinds.map((kind) => [kind, api[`${prefix}SetAttr${kind}`]]);
  return Object.fromEntries(entries) as Pick<AttributeSetters, (typeof kinds)[number]>;
}

/** Sets one attribute, single or list. @param on The eager op, or the node. */
export function setAttribute(
  setters: AttributeSetters,
  on: Pointer,
  memory: ScratchArena,
  { name, type, value }: Attribute,
): void {
  const at = memory.string(name).at;
  if (type === attributeType.shape)
    setters.Shape(on, at, memory.putIntegers(value as number[]), (value as number[]).length);
  else if (Array.isArray(value)) setList(setters, on, memory, at, type, value);
  else setSingle(setters, on, memory, at, type, value);
}

function setSingle(
  setters: AttributeSetters,
  on: Pointer,
  memory: ScratchArena,
  name: Pointer,
  type: number,
  value: unknown,
): void {
  if (type === attributeType.string || type === attributeType.func) {
    const text = memory.string(value as string);
    setters[type === attributeType.func ? 'Func' : 'String'](on, name, text.at, text.length);
  } else if (type === attributeType.int) setters.Int(on, name, value as number);
  else if (type === attributeType.float) setters.Float(on, name, value as number);
  else if (type === attributeType.bool) setters.Bool(on, name, value ? 1 : 0);
  else if (type === attributeType.type) setters.Type(on, name, value as number);
  else throw expectedError('tensorflow', 'an attribute of type 0 to 5 or 8', type);
}

function setList(
  setters: AttributeSetters,
  on: Pointer,
  memory: ScratchArena,
  name: Pointer,
  type: number,
  values: readonly unknown[],
): void {
  const count = values.length;
  if (type === attributeType.string) {
    values.forEach((value, at) => {
      const text = memory.string(value as string);
      memory.putPointer(at, text.at);
      memory.putPointer(count + at, text.length);
    });
    setters.StringList(on, name, memory.start, memory.slot(count), count);
  } else if (type === attributeType.int)
    setters.IntList(on, name, memory.putIntegers(values as number[]), count);
  else if (type === attributeType.float) {
    memory.float32.set(values as number[]);
    setters.FloatList(on, name, memory.start, count);
  } else if (type === attributeType.bool) {
    memory.bytes.set(values.map(Number));
    setters.BoolList(on, name, memory.start, count);
  } else if (type === attributeType.type) {
    memory.int32.set(values as number[]);
    setters.TypeList(on, name, memory.start, count);
  } else throw expectedError('tensorflow', 'a list attribute of type 0 to 4', type);
}
