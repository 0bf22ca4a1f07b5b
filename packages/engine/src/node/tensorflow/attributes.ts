import { expectedError } from '@kd/core';
import type { Pointer, TensorflowApi } from './c/api.ts';
import { attributeType } from './constants.ts';
import type { Memory } from './memory.ts';

/**
 * An attribute as TF.js's kernels hand it over (`TFEOpAttr`); an array makes a list of its type.
 */
export interface Attribute {
  readonly name: string;
  /** One of `attributeType`. */
  readonly type: number;
  readonly value: unknown;
}

/** Where attributes go: to an eager op or, alike, to a node of a graph. */
export interface AttributeSetters {
  string(name: Pointer, bytes: Pointer, length: number): void;
  int(name: Pointer, value: number): void;
  float(name: Pointer, value: number): void;
  bool(name: Pointer, value: number): void;
  type(name: Pointer, value: number): void;
  shape(name: Pointer, sides: Pointer, rank: number): void;
  /** @param bytes The name of a function that the context knows. */
  func(name: Pointer, bytes: Pointer, length: number): void;
  stringList(name: Pointer, bytes: Pointer, lengths: Pointer, count: number): void;
  intList(name: Pointer, values: Pointer, count: number): void;
  floatList(name: Pointer, values: Pointer, count: number): void;
  boolList(name: Pointer, values: Pointer, count: number): void;
  typeList(name: Pointer, values: Pointer, count: number): void;
}

/**
 * Setters of an eager op. @param current Where the op of the moment is found: one set of setters
 * serves all ops.
 */
export function eagerSetters(
  api: TensorflowApi,
  status: Pointer,
  current: { op: Pointer },
): AttributeSetters {
  return {
    string: (name, bytes, length) => api.TFE_OpSetAttrString(current.op, name, bytes, length),
    int: (name, value) => api.TFE_OpSetAttrInt(current.op, name, value),
    float: (name, value) => api.TFE_OpSetAttrFloat(current.op, name, value),
    bool: (name, value) => api.TFE_OpSetAttrBool(current.op, name, value),
    type: (name, value) => api.TFE_OpSetAttrType(current.op, name, value),
    shape: (name, sides, rank) => api.TFE_OpSetAttrShape(current.op, name, sides, rank, status),
    func: (name, bytes, length) => api.TFE_OpSetAttrFunctionName(current.op, name, bytes, length),
    stringList: (name, bytes, lengths, count) =>
      api.TFE_OpSetAttrStringList(current.op, name, bytes, lengths, count),
    intList: (name, values, count) => api.TFE_OpSetAttrIntList(current.op, name, values, count),
    floatList: (name, values, count) => api.TFE_OpSetAttrFloatList(current.op, name, values, count),
    boolList: (name, values, count) => api.TFE_OpSetAttrBoolList(current.op, name, values, count),
    typeList: (name, values, count) => api.TFE_OpSetAttrTypeList(current.op, name, values, count),
  };
}

/** Sets one attribute, single or list. */
export function setAttribute(
  to: AttributeSetters,
  memory: Memory,
  { name, type, value }: Attribute,
): void {
  const at = memory.string(name).at;
  if (type === attributeType.shape)
    to.shape(at, memory.putIntegers(value as number[]), (value as number[]).length);
  else if (Array.isArray(value)) setList(to, memory, at, type, value);
  else setSingle(to, memory, at, type, value);
}

function setSingle(
  to: AttributeSetters,
  memory: Memory,
  name: Pointer,
  type: number,
  value: unknown,
): void {
  if (type === attributeType.string || type === attributeType.func) {
    const text = memory.string(value as string);
    to[type === attributeType.func ? 'func' : 'string'](name, text.at, text.length);
  } else if (type === attributeType.int) to.int(name, value as number);
  else if (type === attributeType.float) to.float(name, value as number);
  else if (type === attributeType.bool) to.bool(name, value ? 1 : 0);
  else if (type === attributeType.type) to.type(name, value as number);
  else throw expectedError('tensorflow', 'an attribute of type 0 to 5 or 8', type);
}

function setList(
  to: AttributeSetters,
  memory: Memory,
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
    to.stringList(name, memory.scratch, memory.slot(count), count);
  } else if (type === attributeType.int)
    to.intList(name, memory.putIntegers(values as number[]), count);
  else if (type === attributeType.float) {
    memory.float32.set(values as number[]);
    to.floatList(name, memory.scratch, count);
  } else if (type === attributeType.bool) {
    memory.bytes.set(values.map(Number));
    to.boolList(name, memory.scratch, count);
  } else if (type === attributeType.type) {
    memory.int32.set(values as number[]);
    to.typeList(name, memory.scratch, count);
  } else throw expectedError('tensorflow', 'a list attribute of type 0 to 4', type);
}
