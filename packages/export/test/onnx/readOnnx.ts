import { protobufFields } from '@kd/files';

/** What a test looks at in an ONNX file. */
export interface OnnxContents {
  readonly irVersion: number;
  readonly opset: number;
  readonly nodes: readonly {
    readonly operator: string;
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
    /** Integers, lists of integers and texts; floats are absent. */
    readonly attributes: Readonly<Record<string, number | string | readonly number[]>>;
  }[];
  readonly tensors: readonly {
    readonly name: string;
    readonly type: number;
    readonly dims: readonly number[];
    readonly bytes: Uint8Array;
  }[];
  readonly inputs: readonly End[];
  readonly outputs: readonly End[];
  readonly metadata: Readonly<Record<string, string>>;
}

interface End {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly (number | string)[];
}

/** Numbers of `TensorProto.DataType`. */
export const dataType = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 } as const;

/** Reads a file by the field numbers of onnx-ml.proto. */
export function readOnnx(bytes: Uint8Array): OnnxContents {
  const model = fields(bytes);
  const graph = fields(model.message(7));
  return {
    irVersion: model.number(1),
    opset: fields(model.message(8)).number(2),
    nodes: graph.messages(1).map(readNode),
    tensors: graph.messages(5).map((message) => {
      const tensor = fields(message);
      return {
        name: tensor.text(8),
        type: tensor.number(2),
        dims: tensor.numbers(1),
        bytes: tensor.message(9),
      };
    }),
    inputs: graph.messages(11).map(readEnd),
    outputs: graph.messages(12).map(readEnd),
    metadata: Object.fromEntries(
      model.messages(14).map((message) => [fields(message).text(1), fields(message).text(2)]),
    ),
  };
}

/** The operators of a file, in order. */
export function operatorsOf(bytes: Uint8Array): string[] {
  return readOnnx(bytes).nodes.map(({ operator }) => operator);
}

function readNode(message: Uint8Array): OnnxContents['nodes'][number] {
  const node = fields(message);
  return {
    operator: node.text(4),
    inputs: node.messages(1).map(decode),
    outputs: node.messages(2).map(decode),
    attributes: Object.fromEntries(
      node.messages(5).map((bytes) => {
        const attribute = fields(bytes);
        const kind = attribute.number(20);
        const value = { 2: attribute.number(3), 3: attribute.text(4), 7: attribute.numbers(8) };
        return [attribute.text(1), value[kind as 2 | 3 | 7]];
      }),
    ),
  };
}

function readEnd(message: Uint8Array): End {
  const end = fields(message);
  const tensor = fields(fields(end.message(2)).message(1));
  const dims = fields(tensor.message(2)).messages(1).map(fields);
  return {
    name: end.text(1),
    type: tensor.number(1),
    dims: dims.map((dim) => dim.text(2) || dim.number(1)),
  };
}

function fields(bytes: Uint8Array) {
  const all = [...protobufFields(bytes)];
  const messages = (number: number) =>
    all
      .filter((field) => field.number === number && field.value instanceof Uint8Array)
      .map(({ value }) => value as Uint8Array);
  const numbers = (number: number) =>
    all
      .filter((field) => field.number === number && typeof field.value === 'number')
      .map(({ value }) => value as number);
  return {
    messages,
    numbers,
    message: (number: number) => messages(number)[0] ?? new Uint8Array(0),
    number: (number: number) => numbers(number)[0] ?? 0,
    text: (number: number) => decode(messages(number)[0] ?? new Uint8Array(0)),
  };
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
