import { ensure, expectedError } from '@kd/core';
import { importOptional } from '@kd/core/node';
import { protobufFields } from '@kd/files';
import type { InferenceSession } from 'onnxruntime-node';

/** Values with a shape. */
export interface OnnxValue {
  /** Row-major. */
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** A model of one image input, ready to run. */
export interface OnnxSession {
  /** Names of the outputs. */
  readonly outputs: readonly string[];
  /** The execution provider that runs it. */
  readonly provider: string;
  /** Those before it in the list, which did not start. */
  readonly refused: readonly RefusedProvider[];
  /** @param input [batch, …]. @returns Outputs by name, [batch, …] each. */
  run(input: OnnxValue, names: readonly string[]): Promise<Record<string, OnnxValue>>;
  close(): Promise<void>;
}

/** How a model is run. */
export interface OnnxRunOptions {
  /** Start of messages: the name of the file. */
  readonly caller: string;
  /** 0: one per core. */
  readonly threads: number;
  /** Execution providers of ONNX Runtime, the first that starts is taken. */
  readonly providers: readonly string[];
}

/** A provider that did not start. */
export interface RefusedProvider {
  readonly name: string;
  readonly reason: string;
}

/**
 * Opens a model in this thread, which is blocked while it runs: `openOnnxThread` has it in another.
 * @throws RangeError if ONNX Runtime refuses the bytes, or the model takes anything but one float32
 * image input.
 */
export async function openOnnx(
  bytes: Uint8Array,
  { caller, threads, providers }: OnnxRunOptions,
): Promise<OnnxSession> {
  const { InferenceSession, Tensor } = await importOptional(
    'onnxTeacher',
    'onnxruntime-node',
    () => import('onnxruntime-node'),
  );
  // A list of providers is none of preferences here: one that cannot start fails all of them.
  const refused: RefusedProvider[] = [];
  const create = async (): Promise<{ session: InferenceSession; provider: string }> => {
    for (const provider of providers) {
      const options = {
        executionProviders: [provider],
        logSeverityLevel: 3 as const,
        // Threads that spin between runs would take the cores of the student's training.
        extra: { session: { intra_op: { allow_spinning: '0' } } },
        ...(threads > 0 && { intraOpNumThreads: threads }),
      };
      try {
        return { session: await InferenceSession.create(bytes, options), provider };
      } catch (cause) {
        const { message } = cause as Error;
        refused.push({ name: provider, reason: message });
      }
    }
    const reasons = refused.map(({ name, reason }) =>
      refused.length === 1 ? reason : `${name}: ${reason}`,
    );
    throw expectedError(caller, 'a model that ONNX Runtime can load', reasons.join('; '));
  };
  const { session, provider } = await create();
  const [input, ...others] = session.inputMetadata;
  ensure(
    input !== undefined && others.length === 0,
    caller,
    'a model of one input',
    session.inputNames,
  );
  ensure(
    input.isTensor && input.type === 'float32',
    caller,
    `float32 for ${input.name}`,
    input.isTensor ? input.type : 'no tensor',
  );
  const declared = input.shape;
  ensure(declared.length === 4, caller, `four axes of ${input.name}`, declared);
  const fixedBatch = declared[0];

  /** Runs one part. @returns The outputs, without the rows that were padded. */
  const runPart = async (
    data: Float32Array,
    dims: readonly number[],
    rows: number,
    names: readonly string[],
  ): Promise<OnnxValue[]> => {
    const feeds = { [input.name]: new Tensor('float32', data, dims) };
    const results = await session.run(feeds, names).catch((cause: Error) => {
      throw Object.assign(
        expectedError(caller, `outputs for images [${dims.join(', ')}]`, cause.message),
        { cause },
      );
    });
    return names.map((name) => {
      const { data, dims, type } = results[name] as {
        data: unknown;
        dims: readonly number[];
        type: string;
      };
      ensure(
        data instanceof Float32Array,
        caller,
        `float32 from ${name}`,
        type,
        'convert the model to float32',
      );
      return {
        data: data.subarray(0, (data.length / (dims[0] as number)) * rows),
        dims: [rows, ...dims.slice(1)],
      };
    });
  };

  return {
    outputs: session.outputNames,
    provider,
    refused,
    async run({ data, dims }, names) {
      const fits = declared.every(
        (side, axis) => axis === 0 || typeof side !== 'number' || side === dims[axis],
      );
      const remedy = 'check prepare, which resizes, and layout';
      ensure(
        fits,
        caller,
        `images [${declared.join(', ')}]`,
        `[${dims.join(', ')}] after preprocessing`,
        remedy,
      );
      const [count, ...rest] = dims as [number, ...number[]];
      const perPart = typeof fixedBatch === 'number' ? fixedBatch : count;
      const perRow = rest.reduce((product, side) => product * side, 1);
      const parts: OnnxValue[][] = [];
      for (let from = 0; from < count; from += perPart) {
        const rows = Math.min(perPart, count - from);
        const padded = new Float32Array(perPart * perRow);
        padded.set(data.subarray(from * perRow, (from + rows) * perRow));
        parts.push(await runPart(padded, [perPart, ...rest], rows, names));
      }
      return Object.fromEntries(
        names.map((name, at) => [
          name,
          concatenate(parts.map((values) => values[at] as OnnxValue)),
        ]),
      );
    },
    close: () => session.release(),
  };
}

function concatenate(values: readonly OnnxValue[]): OnnxValue {
  const [first] = values as [OnnxValue];
  if (values.length === 1) return first;
  const data = new Float32Array(values.reduce((sum, value) => sum + value.data.length, 0));
  let at = 0;
  for (const value of values) {
    data.set(value.data, at);
    at += value.data.length;
  }
  return {
    data,
    dims: [values.reduce((sum, { dims }) => sum + (dims[0] as number), 0), ...first.dims.slice(1)],
  };
}

/**
 * The fields of each message that lead to a tensor: field number → kind of message. Source:
 * onnx.proto of ONNX 1.19.
 */
const kinds = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
} as const satisfies Record<string, Record<number, string>>;

type Kind = keyof typeof kinds;

/** Field `TensorProto.external_data`, which names a file. */
const EXTERNAL_DATA = 13;
const MAX_DEPTH = 100;

/**
 * Checks that all tensors of an ONNX file are inside it: ONNX Runtime would look for another file
 * relative to the process's working directory, and the fingerprint would not cover it.
 * @throws RangeError
 */
export function expectEmbeddedWeights(bytes: Uint8Array, caller: string): void {
  checkMessage(bytes, 'model', caller, 0);
}

function checkMessage(bytes: Uint8Array, kind: Kind, caller: string, depth: number): void {
  ensure(
    depth <= MAX_DEPTH,
    caller,
    `an ONNX file of at most ${MAX_DEPTH} graphs inside one another`,
    'more',
  );
  const children: Readonly<Record<number, Kind>> = kinds[kind];
  for (const { number, value } of protobufFields(bytes, caller, 'an ONNX file')) {
    if (!(value instanceof Uint8Array)) continue;
    const remedy =
      'save the weights inside: torch.onnx.export(…, external_data=False), or onnx.save(model, file)';
    ensure(
      kind !== 'tensor' || number !== EXTERNAL_DATA,
      caller,
      'all weights inside the file',
      'some in another',
      remedy,
    );
    const child = children[number];
    if (child !== undefined) checkMessage(value, child, caller, depth + 1);
  }
}
