/**
 * Numbers of the TensorFlow Lite schema, version 3.
 *
 * Source: schema.fbs of LiteRT 2 (tensorflow/compiler/mlir/lite/schema/schema.fbs).
 */

export const tensorTypes = { float32: 0, float16: 1, int32: 2, uint8: 3, int8: 9 } as const;

export type TensorType = keyof typeof tensorTypes;

/** BuiltinOperator, and the version of each that has what is written here. */
export const operators = {
  ADD: [0, 2],
  AVERAGE_POOL_2D: [1, 2],
  CONCATENATION: [2, 2],
  CONV_2D: [3, 5],
  DEPTHWISE_CONV_2D: [4, 6],
  DEQUANTIZE: [6, 5],
  FULLY_CONNECTED: [9, 9],
  LOGISTIC: [14, 1],
  MAX_POOL_2D: [17, 2],
  MUL: [18, 2],
  RELU: [19, 2],
  RELU6: [21, 2],
  RESHAPE: [22, 1],
  SOFTMAX: [25, 1],
  TANH: [28, 1],
  PAD: [34, 2],
  TRANSPOSE: [39, 2],
  MEAN: [40, 2],
  SUB: [41, 2],
  DIV: [42, 1],
  STRIDED_SLICE: [45, 2],
  EXP: [47, 1],
  PRELU: [54, 1],
  MAXIMUM: [55, 1],
  MINIMUM: [57, 1],
  PADV2: [60, 2],
  SLICE: [65, 2],
  LOG: [73, 1],
  REDUCE_MAX: [82, 2],
  RESIZE_NEAREST_NEIGHBOR: [97, 2],
  LEAKY_RELU: [98, 1],
  ABS: [101, 1],
  ELU: [111, 1],
  QUANTIZE: [114, 2],
  BATCH_MATMUL: [126, 1],
  GELU: [150, 1],
} as const;

export type OperatorName = keyof typeof operators;

/** How one field of a table is stored, by its slot. */
export type Field =
  | { readonly int8: number }
  | { readonly int32: number }
  | { readonly float32: number }
  | { readonly bool: boolean };

/** A table of options: its number in the union BuiltinOptions, and fields by slot. */
export interface Options {
  readonly type: number;
  readonly fields: Readonly<Record<number, Field>>;
}

const paddings = { SAME: 0, VALID: 1 } as const;
export type PaddingName = keyof typeof paddings;

const activations = { linear: 0, relu: 1, relu6: 3 } as const;
type Activation = keyof typeof activations;

type Sides = readonly [number, number];

/** Builds the options of operators. */
export const options = {
  convolution: (padding: PaddingName, strides: Sides, dilations: Sides, fused: Activation) =>
    table(1, {
      0: { int8: paddings[padding] },
      1: { int32: strides[1] },
      2: { int32: strides[0] },
      3: { int8: activations[fused] },
      4: { int32: dilations[1] },
      5: { int32: dilations[0] },
    }),
  depthwise: (
    padding: PaddingName,
    strides: Sides,
    dilations: Sides,
    fused: Activation,
    multiplier: number,
  ) =>
    table(2, {
      0: { int8: paddings[padding] },
      1: { int32: strides[1] },
      2: { int32: strides[0] },
      3: { int32: multiplier },
      4: { int8: activations[fused] },
      5: { int32: dilations[1] },
      6: { int32: dilations[0] },
    }),
  pool: (padding: PaddingName, strides: Sides, size: Sides) =>
    table(5, {
      0: { int8: paddings[padding] },
      1: { int32: strides[1] },
      2: { int32: strides[0] },
      3: { int32: size[1] },
      4: { int32: size[0] },
    }),
  fullyConnected: (fused: Activation) => table(8, { 0: { int8: activations[fused] } }),
  softmax: () => table(9, { 0: { float32: 1 } }),
  concatenation: (axis: number) => table(10, { 0: { int32: axis } }),
  add: (fused: Activation) => table(11, { 0: { int8: activations[fused] } }),
  reshape: () => table(17, {}),
  multiply: (fused: Activation) => table(21, { 0: { int8: activations[fused] } }),
  pad: () => table(22, {}),
  transpose: () => table(26, {}),
  reduce: (keepsSides: boolean) => table(27, { 0: { bool: keepsSides } }),
  subtract: (fused: Activation) => table(28, { 0: { int8: activations[fused] } }),
  divide: () => table(29, {}),
  stridedSlice: (wholeMask: number) =>
    table(32, { 0: { int32: wholeMask }, 1: { int32: wholeMask } }),
  exponential: () => table(33, {}),
  dequantize: () => table(38, {}),
  maximumMinimum: () => table(39, {}),
  padV2: () => table(43, {}),
  slice: () => table(48, {}),
  resizeNearest: () => table(74, { 0: { bool: false }, 1: { bool: false } }),
  leakyRelu: (alpha: number) => table(75, { 0: { float32: alpha } }),
  absolute: () => table(78, {}),
  quantize: () => table(89, {}),
  product: () => table(101, {}),
  gelu: () => table(116, { 0: { bool: false } }),
} as const;

function table(type: number, fields: Options['fields']): Options {
  return { type, fields };
}
