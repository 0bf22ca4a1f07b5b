import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { attributeType, dataType } from '../src/node/tensorflow/capi/types.ts';
import type { TensorMetadata, TensorValues } from '../src/node/tensorflow/tensors/types.ts';

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
