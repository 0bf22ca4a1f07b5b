import { ensure, expectedError } from '@kd/core';
import { importOptional } from '@kd/core/node';

/** Numbers with a shape. */
export interface OnnxValue {
  /** Row-major. */
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** A model of one image input, ready to run. */
export interface OnnxSession {
  /** Names of what it gives. */
  readonly outputs: readonly string[];
  /** @param input [batch, …]. @returns By name, [batch, …] each. */
  run(input: OnnxValue, names: readonly string[]): Promise<Record<string, OnnxValue>>;
  close(): Promise<void>;
}

/**
 * @param threads 0: as many as there are cores. @throws RangeError where ONNX Runtime refuses the
 * bytes, or the model takes other than one float32 image input.
 */
export async function openOnnx(
  bytes: Uint8Array,
  caller: string,
  threads: number,
): Promise<OnnxSession> {
  const { InferenceSession, Tensor } = await importOptional(
    'onnxTeacher',
    'onnxruntime-node',
    () => import('onnxruntime-node'),
  );
  const options = {
    executionProviders: ['cpu'],
    logSeverityLevel: 3 as const,
    ...(threads > 0 && { intraOpNumThreads: threads }),
  };
  const session = await InferenceSession.create(bytes, options).catch((cause: Error) => {
    throw Object.assign(
      expectedError(caller, 'a model that ONNX Runtime can load', cause.message),
      { cause },
    );
  });
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
  const whole = declared[0];

  /** @returns Of each output its numbers, without those of rows that were only filled up. */
  const part = async (
    data: Float32Array,
    dims: readonly number[],
    rows: number,
    names: readonly string[],
  ): Promise<OnnxValue[]> => {
    const feeds = { [input.name]: new Tensor('float32', data, dims) };
    const results = await session.run(feeds, names).catch((cause: Error) => {
      throw Object.assign(
        expectedError(caller, `an answer to images [${dims.join(', ')}]`, cause.message),
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
    async run({ data, dims }, names) {
      const fits = declared.every(
        (side, axis) => axis === 0 || typeof side !== 'number' || side === dims[axis],
      );
      const remedy = 'see to prepare, which resizes, and to layout';
      ensure(
        fits,
        caller,
        `images [${declared.join(', ')}]`,
        `[${dims.join(', ')}] after preparation`,
        remedy,
      );
      const [count, ...rest] = dims as [number, ...number[]];
      const perPart = typeof whole === 'number' ? whole : count;
      const perRow = rest.reduce((product, side) => product * side, 1);
      const parts: OnnxValue[][] = [];
      for (let from = 0; from < count; from += perPart) {
        const rows = Math.min(perPart, count - from);
        const filled = new Float32Array(perPart * perRow);
        filled.set(data.subarray(from * perRow, (from + rows) * perRow));
        parts.push(await part(filled, [perPart, ...rest], rows, names));
      }
      return Object.fromEntries(
        names.map((name, at) => [name, joined(parts.map((values) => values[at] as OnnxValue))]),
      );
    },
    close: () => session.release(),
  };
}

function joined(values: readonly OnnxValue[]): OnnxValue {
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
