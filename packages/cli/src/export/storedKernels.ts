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
