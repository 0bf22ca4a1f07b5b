/** Addresses and numbers of the TensorFlow C API (tensorflow/c/tf_datatype.h, c_api.h). */

/**
 * An address in C memory; 0 is null. A plain number: user space ends far below 2⁵³, and nothing has
 * to be wrapped or unwrapped per call.
 */
export type Pointer = number;

/** TF_Output: one output of a node, passed by value. */
export interface GraphOutput {
  readonly operation: Pointer;
  readonly index: number;
}

/**
 * Result and arguments of each function, one letter each: `p` pointer, size_t or uint64, `i` int
 * or enum, `l` int64, `f` float, `b` unsigned char, `s` C string, `d` bytes of a JavaScript array,
 * `o` TF_Output, `v` void. test/tensorflow.test.ts compares them with TensorFlow's header.
 */
export type Signatures<Api> = { readonly [name in keyof Api]: string };

/** TF_DataType. */
export const dataType = {
  float32: 1,
  int32: 3,
  uint8: 4,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  resource: 20,
} as const;

/** TF_AttrType. */
export const attributeType = {
  string: 0,
  int: 1,
  float: 2,
  bool: 3,
  type: 4,
  shape: 5,
  func: 8,
} as const;

/** Bytes of one element, for the types of a fixed size. */
export const elementBytes: Readonly<Record<number, number>> = {
  [dataType.float32]: 4,
  [dataType.int32]: 4,
  [dataType.uint8]: 1,
  [dataType.complex64]: 8,
  [dataType.int64]: 8,
  [dataType.bool]: 1,
};

/** sizeof(TF_TString): an element of a string tensor. */
export const stringBytes = 24;

/** The name of a TF_DataType in messages. */
export function dataTypeName(type: number): string {
  return Object.entries(dataType).find(([, number]) => number === type)?.[0] ?? `type ${type}`;
}
