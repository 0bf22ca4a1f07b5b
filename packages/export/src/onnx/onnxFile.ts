/**
 * The bytes of an ONNX file: messages, field numbers and enumerations of onnx-ml.proto (and of
 * onnx.proto3, which has the same) of ONNX 1.23.
 */
import { encodeProtobuf, type ProtobufValue } from '@kd/files';

/** Numbers of `TensorProto.DataType`. */
const dataTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
} as const;

export type OnnxType = keyof typeof dataTypes;

/** Number of a type, for the attribute `to` of Cast. */
export function dataTypeNumber(type: OnnxType): number {
  return dataTypes[type];
}

/** Numbers of `AttributeProto.AttributeType`. */
const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** A constant of the graph. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly dims: readonly number[];
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array;
}

/** An integer, a float, a text or a list of integers. */
export type OnnxAttribute = number | { readonly float: number } | string | readonly number[];

export interface OnnxNode {
  readonly operator: string;
  /** Of a layer with weights: the graph's. */
  readonly name?: string | undefined;
  /** Names of values; an empty one stands for an optional input that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A float32 input or output of the file. */
export interface OnnxEnd {
  readonly name: string;
  /** A name stands for a dimension that is open. */
  readonly dims: readonly (number | string)[];
}

export interface OnnxModel {
  readonly name: string;
  readonly producer: string;
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  readonly inputs: readonly OnnxEnd[];
  readonly outputs: readonly OnnxEnd[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The opsets that files may have: what is written means the same in all of them. */
export const opsets = { oldest: 13, newest: 23 } as const;

/** Encodes a model as one self-contained file. */
export function encodeOnnx(model: OnnxModel): Uint8Array<ArrayBuffer> {
  return encodeProtobuf(modelFields(model));
}

/** The oldest version of the format that an opset may be used in: ONNX's table of versions. */
function irVersion(opset: number): number {
  const versions = [
    [23, 11],
    [21, 10],
    [19, 9],
    [15, 8],
  ] as const;
  return versions.find(([from]) => opset >= from)?.[1] ?? 7;
}

/**
 * ModelProto { ir_version (1), producer_name (2), graph (7), opset_import (8), metadata_props (14)
 * }, OperatorSetIdProto { version (2) }, StringStringEntryProto { key (1), value (2) }.
 */
function modelFields(model: OnnxModel): ProtobufValue[] {
  return [
    [1, irVersion(model.opset)],
    [2, model.producer],
    [7, graphFields(model)],
    [8, [[2, model.opset]]],
    ...Object.entries(model.metadata).map(
      ([key, value]): ProtobufValue => [
        14,
        [
          [1, key],
          [2, value],
        ],
      ],
    ),
  ];
}

/** GraphProto { node (1), name (2), initializer (5), input (11), output (12) }. */
function graphFields({ name, nodes, tensors, inputs, outputs }: OnnxModel): ProtobufValue[] {
  return [
    ...nodes.map((node): ProtobufValue => [1, nodeFields(node)]),
    [2, name],
    ...tensors.map((tensor): ProtobufValue => [5, tensorFields(tensor)]),
    ...inputs.map((end): ProtobufValue => [11, endFields(end)]),
    ...outputs.map((end): ProtobufValue => [12, endFields(end)]),
  ];
}

/** NodeProto { input (1), output (2), name (3), op_type (4), attribute (5) }. */
function nodeFields({ operator, name, inputs, outputs, attributes }: OnnxNode): ProtobufValue[] {
  return [
    ...inputs.map((input): ProtobufValue => [1, input]),
    ...outputs.map((output): ProtobufValue => [2, output]),
    ...(name === undefined ? [] : [[3, name] as const]),
    [4, operator],
    ...Object.entries(attributes).map(
      ([key, value]): ProtobufValue => [5, [[1, key], ...attributeFields(value)]],
    ),
  ];
}

/** AttributeProto { name (1), f (2), i (3), s (4), ints (8), type (20) }. */
function attributeFields(value: OnnxAttribute): ProtobufValue[] {
  if (typeof value === 'number') {
    return [
      [3, value],
      [20, attributeTypes.int],
    ];
  }
  if (typeof value === 'string') {
    return [
      [4, value],
      [20, attributeTypes.string],
    ];
  }
  if ('float' in value) {
    return [
      [2, value],
      [20, attributeTypes.float],
    ];
  }
  return [...value.map((item): ProtobufValue => [8, item]), [20, attributeTypes.ints]];
}

/** TensorProto { dims (1), data_type (2), name (8), raw_data (9) }. */
function tensorFields({ name, type, dims, bytes }: OnnxTensor): ProtobufValue[] {
  return [
    ...dims.map((side): ProtobufValue => [1, side]),
    [2, dataTypes[type]],
    [8, name],
    [9, bytes],
  ];
}

/**
 * ValueInfoProto { name (1), type (2) }, TypeProto { tensor_type (1) }, TypeProto.Tensor {
 * elem_type (1), shape (2) }, TensorShapeProto { dim (1) }, Dimension { dim_value (1), dim_param
 * (2) }.
 */
function endFields({ name, dims }: OnnxEnd): ProtobufValue[] {
  const shape = dims.map(
    (side): ProtobufValue => [1, [typeof side === 'number' ? [1, side] : [2, side]]],
  );
  const tensor: ProtobufValue[] = [
    [1, dataTypes.float32],
    [2, shape],
  ];
  return [
    [1, name],
    [2, [[1, tensor]]],
  ];
}
