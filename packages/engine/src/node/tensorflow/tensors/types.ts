/** The shapes in which a tensor passes between JavaScript and TensorFlow. */

/** Values of a tensor in JavaScript; strings are the bytes of each. */
export type TensorValues = Float32Array | Int32Array | Uint8Array | BigInt64Array | Uint8Array[];

/** An output of an op, for TF.js's backend (`TensorMetadata`). */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** The backend's entry for data that tensors and variables share. */
export interface TensorData {
  readonly shape: number[];
  /** TF_DataType. */
  readonly dtype: number;
  /** Id in `Tensors`; −1 until the values are uploaded, below −1 while tracing (`isSymbolic`). */
  id: number;
  values: TensorValues | null;
  /** Number of tensors and variables that share it. */
  readonly refCount: number;
}
