/** In which form files store the kernels of layers: read from the files, not from what was asked. */
import { protobufFields } from '@kd/files';
import type { NumberKind } from '@kd/report';

/** Numbers of data types in onnx.proto. */
const onnxTypes: Readonly<Record<number, NumberKind>> = { 1: 'float32', 3: 'int8', 10: 'float16' };

/**
 * Lists the kernels of an ONNX file of ours by layer: tensors that are called `<layer>.kernel`, with
 * `/int8` or `/float16` behind it where they are converted when the file is loaded.
 */
export function readOnnxKernels(bytes: Uint8Array, caller: string): Map<string, NumberKind> {
  const kernels = new Map<string, NumberKind>();
  const messages = (from: Uint8Array, field: number) =>
    [...protobufFields(from, caller, 'an ONNX file')].flatMap(({ number, value }) =>
      number === field && value instanceof Uint8Array ? [value] : [],
    );
  const [MODEL_GRAPH, GRAPH_INITIALIZER, TENSOR_TYPE, TENSOR_NAME] = [7, 5, 2, 8];
  for (const graph of messages(bytes, MODEL_GRAPH))
    for (const tensor of messages(graph, GRAPH_INITIALIZER)) {
      const fields = [...protobufFields(tensor, caller, 'an ONNX file')];
      const fieldOf = (field: number) => fields.find(({ number }) => number === field)?.value;
      const name = fieldOf(TENSOR_NAME);
      if (!(name instanceof Uint8Array)) continue;
      const [, layer] =
        /^(.+)\.kernel(?:\/(?:int8|float16))?$/.exec(new TextDecoder().decode(name)) ?? [];
      const type = onnxTypes[Number(fieldOf(TENSOR_TYPE))];
      if (layer !== undefined && type !== undefined) kernels.set(layer, type);
    }
  return kernels;
}

/** Lists the kernels of a TF.js model of ours by layer: weights called `<layer>/…/kernel`. */
export function readTfjsKernels(modelJson: Uint8Array): Map<string, NumberKind> {
  const { weightsManifest } = JSON.parse(new TextDecoder().decode(modelJson)) as {
    readonly weightsManifest: readonly {
      readonly weights: readonly {
        readonly name: string;
        readonly quantization?: { readonly dtype: string };
      }[];
    }[];
  };
  const kernels = new Map<string, NumberKind>();
  for (const { name, quantization } of weightsManifest.flatMap(({ weights }) => weights)) {
    if (!name.endsWith('/kernel')) continue;
    const type = quantization?.dtype ?? 'float32';
    kernels.set(name.split('/')[0] as string, type === 'uint8' ? 'int8' : (type as NumberKind));
  }
  return kernels;
}

/** Numbers of tensor types in LiteRT's schema. */
const litertTypes: Readonly<Record<number, NumberKind>> = { 0: 'float32', 1: 'float16', 9: 'int8' };

/**
 * Lists the kernels of a LiteRT file of ours by layer: tensors that are called `<layer>/kernel`, with
 * `/float16` behind it where they are converted when the file is loaded. Source: the FlatBuffers
 * binary format, and schema.fbs of LiteRT.
 */
export function readLiteRtKernels(bytes: Uint8Array): Map<string, NumberKind> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const follow = (at: number) => at + view.getUint32(at, true);
  /** Position of a field of a table; undefined where it has its default. */
  const fieldOf = (table: number, field: number): number | undefined => {
    const fields = table - view.getInt32(table, true);
    const entry = 4 + 2 * field;
    const offset = entry < view.getUint16(fields, true) ? view.getUint16(fields + entry, true) : 0;
    return offset === 0 ? undefined : table + offset;
  };
  const tablesOf = (table: number, field: number): number[] => {
    const at = fieldOf(table, field);
    if (at === undefined) return [];
    const vector = follow(at);
    const count = view.getUint32(vector, true);
    return Array.from({ length: count }, (_, item) => follow(vector + 4 + 4 * item));
  };
  const textOf = (table: number, field: number): string => {
    const at = fieldOf(table, field);
    if (at === undefined) return '';
    const text = follow(at);
    const length = view.getUint32(text, true);
    return new TextDecoder().decode(bytes.subarray(text + 4, text + 4 + length));
  };
  const [MODEL_SUBGRAPHS, SUBGRAPH_TENSORS, TENSOR_TYPE, TENSOR_NAME] = [2, 0, 1, 3] as const;
  const kernels = new Map<string, NumberKind>();
  for (const subgraph of tablesOf(follow(0), MODEL_SUBGRAPHS))
    for (const tensor of tablesOf(subgraph, SUBGRAPH_TENSORS)) {
      const [, layer, stored] =
        /^(.+)\/kernel(\/float16)?$/.exec(textOf(tensor, TENSOR_NAME)) ?? [];
      const at = fieldOf(tensor, TENSOR_TYPE);
      const type = litertTypes[at === undefined ? 0 : view.getInt8(at)];
      // A converted kernel is float32 beside the halves that it is made of.
      if (layer === undefined || type === undefined) continue;
      if (stored !== undefined || !kernels.has(layer)) kernels.set(layer, type);
    }
  return kernels;
}
