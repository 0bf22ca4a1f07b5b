import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { attributeType, dataType } from '../src/node/tensorflow/capi/types.ts';
import { TensorReader } from '../src/node/tensorflow/tensors/readTensor.ts';
import { Tensors } from '../src/node/tensorflow/tensors/tensors.ts';
import type { TensorMetadata, TensorValues } from '../src/node/tensorflow/tensors/types.ts';

/** So many that their values are read on another thread. */
const many = 500_000;

describe.skipIf('reason' in locateLibrary())('reading', () => {
  const binding = () => (tf.backend() as NodeBackend).binding;

  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  test('few and many values, at once and later, are the same', async () => {
    for (const length of [0, 1, 1000, many]) {
      const tensor = tf.tidy(() => tf.add(tf.range(0, length), 0.5));
      const [now, later] = [tensor.dataSync(), await tensor.data()];
      expect(later).toBeInstanceOf(Float32Array);
      expect(later).toHaveLength(length);
      expect(later.every((value, at) => value === at + 0.5 && value === now[at])).toBe(true);
      tensor.dispose();
    }
  });

  test('the array may be written into: the tensor does not change', async () => {
    const tensor = constant(many, 1);
    tensor.dataSync().fill(7);
    (await tensor.data()).fill(7);
    expect(tf.tidy(() => tf.max(tensor).dataSync()[0])).toBe(1);
    tensor.dispose();
  });

  test('a tensor may be disposed while it is read', async () => {
    const tensors = Array.from({ length: 40 }, (_, at) => constant(many, at));
    const reading = tensors.map((tensor) => tensor.data());
    tf.dispose(tensors);
    const read = await Promise.all(reading);
    expect(read.map((values) => [values.length, values[0], values[many - 1]])).toEqual(
      tensors.map((_, at) => [many, at, at]),
    );
  });

  test('more reads at a time than there are threads', async () => {
    const tensor = constant(100_000, 3);
    const read = await Promise.all(Array.from({ length: 600 }, () => tensor.data()));
    expect(read.every((values) => values[99_999] === 3)).toBe(true);
    tensor.dispose();
  });

  test('a failed read is rejected with TensorFlow’s message and leaves nothing behind', async () => {
    const { api, context, memory } = binding().runtime;
    const reader = new TensorReader({ ...api, TFE_TensorHandleCopySharingTensor: () => 0 }, memory);
    await expect(reader.readAsync(0, dataType.float32)).rejects.toThrow(
      new Error('reading a tensor: Invalid handle'),
    );
    expect(() => new TensorReader(api, memory).read(0, dataType.float32, context.status)).toThrow(
      new Error('reading a tensor: Invalid handle'),
    );
    expect(tf.tidy(() => tf.add(1, 2).arraySync())).toBe(3);
  });

  test('the memory of a tensor that nobody else holds is lent, cannot be taken away, and is freed with the array', async () => {
    const { api, context, memory } = binding().runtime;
    const freed: number[] = [];
    const deleted = (tensor: number) => {
      freed.push(tensor);
      api.TF_DeleteTensor(tensor);
    };
    const tensors = new Tensors({ ...api, TF_DeleteTensor: deleted }, context, memory);
    await (async () => {
      const id = tensors.create([many], dataType.float32, new Float32Array(many).fill(2));
      freed.length = 0;
      const reading = tensors.readAsync(id);
      tensors.delete(id);
      const values = (await reading) as Float32Array<ArrayBuffer>;
      expect(freed).toEqual([]);
      expect([values.length, values[0], values[many - 1]]).toEqual([many, 2, 2]);
      expect(() => (values.buffer as ArrayBuffer & { transfer(): void }).transfer()).toThrow(
        /^transfer: expected memory of JavaScript/,
      );
    })();
    await collectGarbage();
    expect(freed).toHaveLength(1);
    expect(tensors.count).toBe(0);
  });

  test('the event loop turns while a large tensor is read', async () => {
    const tensor = constant(25_000_000, 1);
    const turns = { count: 0 };
    const timer = setInterval(() => turns.count++, 1);
    const values = await tensor.data();
    clearInterval(timer);
    expect(values[24_999_999]).toBe(1);
    expect(turns.count).toBeGreaterThan(0);
    tensor.dispose();
  });

  test('when everything is disposed, no handle is left', async () => {
    tf.disposeVariables();
    const before = binding().getNumOfTensors();
    const tensors = Array.from({ length: 50 }, (_, at) => constant(10, at));
    await Promise.all(tensors.map((tensor) => tensor.data()));
    expect(binding().getNumOfTensors()).toBe(before + 50);
    tf.dispose(tensors);
    expect(binding().getNumOfTensors()).toBe(before);
    expect(tf.memory().numTensors).toBe(0);
    expect(before).toBe(0);
  });
});

/** Computed by TensorFlow: what was only written is still JavaScript's. */
function constant(length: number, value: number): tf.Tensor {
  return tf.tidy(() => tf.add(tf.zeros([length]), value));
}

/** Finalizers run some turns of the event loop after a collection. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < 5; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe.skipIf('reason' in locateLibrary())('values', () => {
  const binding = () => (tf.backend() as NodeBackend).binding;

  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  /** In, through an op, and out. */
  async function through(
    shape: number[],
    dtype: number,
    values: TensorValues,
  ): Promise<[number[], TensorValues, TensorValues]> {
    const id = binding().createTensor(shape, dtype, values);
    const [copy] = binding().executeOp(
      'Identity',
      [{ name: 'T', type: attributeType.type, value: dtype }],
      [id],
      1,
    ) as [{ id: number; shape: number[]; dtype: number }];
    const result = [
      copy.shape,
      binding().tensorDataSync(copy.id),
      await binding().tensors.readAsync(copy.id),
    ] as [number[], TensorValues, TensorValues];
    expect(copy.dtype).toBe(dtype);
    for (const made of [id, copy.id]) binding().deleteTensor(made);
    return result;
  }

  test.each([
    ['float32', [2, 2], new Float32Array([1.5, -0, Number.NaN, Number.POSITIVE_INFINITY])],
    ['int32', [3], new Int32Array([2 ** 31 - 1, -(2 ** 31), 0])],
    ['uint8', [3], new Uint8Array([0, 128, 255])],
    ['bool', [2], new Uint8Array([0, 1])],
    ['complex64', [2], new Float32Array([1, 2, -3, 0.5])],
    ['int64', [2], new BigInt64Array([2n ** 62n, -1n])],
  ] as const)('%s', async (type, shape, values) => {
    expect(await through([...shape], dataType[type], values)).toEqual([shape, values, values]);
  });

  test('int64 from pairs of int32, as TF.js’s kernels give it', async () => {
    expect((await through([1], dataType.int64, new Int32Array([5, 1])))[1]).toEqual(
      new BigInt64Array([2n ** 32n + 5n]),
    );
  });

  test('every rank from 0 to 8, and sides of 0', async () => {
    for (let rank = 0; rank <= 8; rank++) {
      const shape = Array.from({ length: rank }, (_, axis) => (axis % 3) + 1);
      const values = Float32Array.from(
        { length: shape.reduce((product, side) => product * side, 1) },
        (_, at) => at,
      );
      expect(await through(shape, dataType.float32, values)).toEqual([shape, values, values]);
    }
    for (const shape of [[0], [3, 0], [0, 0, 2]])
      expect(await through(shape, dataType.float32, new Float32Array(0))).toEqual([
        shape,
        new Float32Array(0),
        new Float32Array(0),
      ]);
    expect(await through([0], dataType.string, [])).toEqual([[0], [], []]);
  });

  test('strings: empty, short, beyond what lies in a string’s head (22 bytes), zero bytes, other alphabets, a megabyte', async () => {
    const texts = [
      '',
      'a',
      'x'.repeat(22),
      'x'.repeat(23),
      'null\0inside',
      'Überraschung, λόγος, 蒸馏, 🧪',
      'y'.repeat(1_000_000),
    ];
    const tensor = tf.tensor1d(texts, 'string');
    const twice = tf.concat([tensor, tensor]);
    expect(twice.dataSync()).toEqual([...texts, ...texts]);
    expect(await twice.data()).toEqual([...texts, ...texts]);
    tf.dispose([tensor, twice]);
    const bytes = [new Uint8Array([0xff, 0x00, 0xfe])];
    expect(await through([1], dataType.string, bytes)).toEqual([[1], bytes, bytes]);
  });

  test('string attributes, single and in lists', () => {
    const { string, list } = { string: attributeType.string, list: attributeType.string };
    const text = binding().createTensor([], dataType.string, [Buffer.from('Ä')]);
    const [length] = binding().executeOp(
      'StringLength',
      [{ name: 'unit', type: string, value: 'UTF8_CHAR' }],
      [text],
      1,
    ) as [TensorMetadata];
    expect(binding().tensorDataSync(length.id)).toEqual(new Int32Array([1]));
    const records = binding().createTensor([2], dataType.string, [
      Buffer.from('1,ß'),
      Buffer.from('2,"a,b"'),
    ]);
    const defaults = [
      binding().createTensor([1], dataType.int32, new Int32Array([0])),
      binding().createTensor([1], dataType.string, [Buffer.from('')]),
    ];
    const columns = binding().executeOp(
      'DecodeCSV',
      [
        { name: 'OUT_TYPE', type: attributeType.type, value: [dataType.int32, dataType.string] },
        { name: 'field_delim', type: list, value: ',' },
      ],
      [records, ...defaults],
      2,
    );
    expect(columns.map(({ id }) => binding().tensorDataSync(id))).toEqual([
      new Int32Array([1, 2]),
      [new Uint8Array(Buffer.from('ß')), new Uint8Array(Buffer.from('a,b'))],
    ]);
    for (const id of [text, length.id, records, ...defaults, ...columns.map(({ id }) => id)])
      binding().deleteTensor(id);
  });
});

describe.skipIf('reason' in locateLibrary())('errors are one line', () => {
  const binding = () => (tf.backend() as NodeBackend).binding;

  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  function messageOf(run: () => unknown): string {
    try {
      run();
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('expected an error');
  }

  const ofType = { name: 'T', type: attributeType.type, value: dataType.float32 };

  test('of a kernel, of a shape, of a type, of an attribute, of a function', () => {
    const made = [
      binding().createTensor(
        [2, 3],
        dataType.float32,
        new Float32Array([1, 2, 3, 4, 5, Number.NaN]),
      ),
      binding().createTensor([2], dataType.int32, new Int32Array([4, 4])),
      binding().createTensor([2, 3], dataType.int32, new Int32Array(6)),
    ] as const;
    const [matrix, shape, integers] = made;
    const text = binding().createTensor([], dataType.string, [Buffer.from('no picture')]);
    const message = { name: 'message', type: attributeType.string, value: 'loss' };
    const negative = { name: 'axis', type: attributeType.int, value: 7 };
    expect([
      messageOf(() => binding().executeOp('Reshape', [ofType], [matrix, shape], 1)),
      messageOf(() => binding().executeOp('MatMul', [ofType], [matrix, matrix], 1)),
      messageOf(() => binding().executeOp('AddV2', [], [matrix, integers], 1)),
      messageOf(() => binding().executeOp('CheckNumerics', [ofType, message], [matrix], 1)),
      messageOf(() =>
        binding().executeOp(
          'Unpack',
          [ofType, negative, { name: 'num', type: attributeType.int, value: 2 }],
          [matrix],
          2,
        ),
      ),
      messageOf(() =>
        binding().executeOp(
          'DecodePng',
          [{ name: 'channels', type: attributeType.int, value: 3 }],
          [text],
          1,
        ),
      ),
    ]).toEqual([
      'Reshape: Input to reshape is a tensor with 6 values, but the requested shape has 16',
      'MatMul: Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]',
      'AddV2: cannot compute AddV2 as input #1(zero-based) was expected to be a float tensor but is a int32 tensor',
      'CheckNumerics: loss : Tensor had NaN values',
      'Unpack: axis = 7 not in [-2, 2)',
      'DecodePng: Unknown image file format. One of JPEG, JPEG XL, PNG, GIF, BMP, WebP required.',
    ]);
    for (const id of [...made, text]) binding().deleteTensor(id);
  });

  test('of values that do not fit, before they reach C', () => {
    expect([
      messageOf(() => binding().createTensor([2], dataType.float32, new Float32Array(3))),
      messageOf(() => binding().createTensor([2], dataType.float32, new Int32Array(2))),
      messageOf(() =>
        binding().createTensor([2], dataType.float32, [new Uint8Array(1), new Uint8Array(1)]),
      ),
      messageOf(() => binding().createTensor([2], dataType.string, [new Uint8Array(1)])),
      messageOf(() => binding().createTensor([1], dataType.string, new Uint8Array(1))),
    ]).toEqual([
      'tensorflow: a float32 tensor of shape [2]: expected 8 bytes, got 12.',
      'tensorflow: a float32 tensor of shape [2]: expected Float32Array, got Int32Array.',
      'tensorflow: a float32 tensor of shape [2]: expected Float32Array, got Array.',
      'tensorflow: a string tensor of shape [2]: expected 2 byte arrays, got 1.',
      'tensorflow: a string tensor of shape [1]: expected an array of byte arrays, got Uint8Array.',
    ]);
  });
});
