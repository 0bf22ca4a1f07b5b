/** Numbers of the TensorFlow C API (tensorflow/c/tf_datatype.h, c_api.h). */

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

/** Bytes of one element, of the types that have a fixed size. */
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

/** The name of a TF_DataType, for people. */
export function nameOf(type: number): string {
  return Object.entries(dataType).find(([, number]) => number === type)?.[0] ?? `type ${type}`;
}
