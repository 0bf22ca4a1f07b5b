import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startEngine } from '../src/index.ts';
import {
  frameworkFile,
  installationsDirectory,
  libraryFile,
} from '../src/node/library/libraryFiles.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { signatures } from '../src/node/tensorflow/capi/api.ts';
import { attributeType, dataType } from '../src/node/tensorflow/capi/types.ts';
import { groupInputs, OpDefs } from '../src/node/tensorflow/graph/opDefs.ts';
import cApiTypes from './fixtures/cApiTypes.json' with { type: 'json' };
import { pseudoRandom } from './numbers.ts';

describe.skipIf('reason' in locateLibrary())('the binding', () => {
  const binding = () => (tf.backend() as NodeBackend).binding;

  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  test.each([
    ['float32', [1.5, -2, 3]],
    ['int32', [1, -2, 2 ** 30]],
    ['bool', [true, false, true]],
    ['string', ['a', '', 'zwölf']],
  ] as const)('%s goes in and comes out', async (dtype, values) => {
    const twice = tf.tidy(() => {
      const tensor = tf.tensor([...values] as number[], [3], dtype);
      return tf.concat([tensor, tensor]);
    });
    expect(await twice.array()).toEqual(
      [...values, ...values].map((value) => (typeof value === 'boolean' ? Number(value) : value)),
    );
    twice.dispose();
  });

  test('lists of shapes, numbers and types: concat, stack, split, einsum, empty tensors', () => {
    const [a, b] = [
      tf.tensor2d([
        [1, 2],
        [3, 4],
      ]),
      tf.tensor2d([
        [5, 6],
        [7, 8],
      ]),
    ];
    expect(tf.concat([a, b], 1).arraySync()).toEqual([
      [1, 2, 5, 6],
      [3, 4, 7, 8],
    ]);
    expect(tf.stack([a, b]).shape).toEqual([2, 2, 2]);
    expect(tf.split(a, 2, 1).map((part) => part.arraySync())).toEqual([
      [[1], [3]],
      [[2], [4]],
    ]);
    expect(tf.einsum('ij,jk->ik', a, b).arraySync()).toEqual([
      [19, 22],
      [43, 50],
    ]);
    expect(tf.zeros([0, 3]).arraySync()).toEqual([]);
    expect(tf.scalar(2).shape).toEqual([]);
  });

  test('an error has the op’s name and TensorFlow’s own words, and the next op works', () => {
    expect(() => binding().executeOp('NoSuchOp', [], [], 1)).toThrow(/^NoSuchOp: .*NoSuchOp/);
    const before = binding().getNumOfTensors();
    const [a, b] = [
      binding().createTensor([2, 3], 1, new Float32Array(6)),
      binding().createTensor([2, 3], 1, new Float32Array(6)),
    ];
    expect(() => binding().executeOp('MatMul', [], [a, b], 1)).toThrow(
      /^MatMul: Matrix size-incompatible: In\[0\]: \[2,3\], In\[1\]: \[2,3\]/,
    );
    for (const id of [a, b]) binding().deleteTensor(id);
    expect(binding().getNumOfTensors()).toBe(before);
    expect(tf.add(1, 2).arraySync()).toBe(3);
  });

  test('wrong ids and lengths stop before they reach C', () => {
    expect(() => binding().tensorDataSync(-1)).toThrow(
      'tensorflow: expected a live tensor, got id -1, which was deleted or never created.',
    );
    expect(() => binding().createTensor([2], 1, new Float32Array(3))).toThrow(
      'tensorflow: a float32 tensor of shape [2]: expected 8 bytes, got 12.',
    );
  });

  test('400 training steps leave no tensor, no handle and no memory behind', () => {
    const filter = tf.variable(tf.tensor4d(pseudoRandom(1, [3, 3, 3, 8]), [3, 3, 3, 8]));
    const x = tf.tensor4d(pseudoRandom(2, [16, 16, 16, 3]), [16, 16, 16, 3]);
    const optimizer = tf.train.sgd(1e-6);
    const step = (): void => {
      const loss = optimizer.minimize(
        () =>
          tf.sum(tf.square(tf.relu(tf.conv2d(x, filter as tf.Tensor4D, 1, 'same')))) as tf.Scalar,
        true,
        [filter],
      );
      loss?.dataSync();
      loss?.dispose();
    };
    for (let warm = 0; warm < 100; warm++) step();
    const before = {
      tensors: tf.memory().numTensors,
      handles: binding().getNumOfTensors(),
      rss: process.memoryUsage().rss,
    };
    for (let count = 0; count < 400; count++) step();
    expect(tf.memory().numTensors).toBe(before.tensors);
    expect(binding().getNumOfTensors()).toBe(before.handles);
    // A step's activations are 0.4 MB: a leak of one of them per step were 160 MB.
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(60e6);
  });
});

describe('locating libtensorflow', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kd-engine-'));
    vi.stubEnv('KD_CACHE', directory);
    vi.stubEnv('KD_LIBTENSORFLOW', '');
    vi.stubEnv('PATH', '');
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
  });

  test('an empty directory in KD_LIBTENSORFLOW is named with its missing files', () => {
    vi.stubEnv('KD_LIBTENSORFLOW', directory);
    expect(locateLibrary()).toEqual({
      reason: `KD_LIBTENSORFLOW names it, but ${directory} holds no ${libraryFile} and no ${frameworkFile}`,
    });
    writeFileSync(join(directory, libraryFile), '');
    expect(locateLibrary()).toEqual({
      reason: `KD_LIBTENSORFLOW names it, but ${directory} holds no ${frameworkFile}`,
    });
    writeFileSync(join(directory, frameworkFile), '');
    expect(locateLibrary()).toEqual({ directory, from: 'KD_LIBTENSORFLOW' });
  });

  test('if there is none, the reason lists the places that were searched', () => {
    expect(locateLibrary()).toEqual({
      reason: `libtensorflow was not found: KD_LIBTENSORFLOW is not set, there is none in ${installationsDirectory()}, no Python here has tensorflow`,
    });
  });
});

describe.skipIf('reason' in locateLibrary())('lists among the inputs of an op', () => {
  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  const definitionOf = (op: string) => {
    const { binding } = tf.backend() as NodeBackend;
    return binding.tracing((trace) => new OpDefs(binding.runtime).find(trace.builder.graph, op));
  };
  const types = (name: string, count: number) => ({
    name,
    type: attributeType.type,
    value: Array.from({ length: count }, () => dataType.float32),
  });
  const int = (name: string, value: number) => ({ name, type: attributeType.int, value });

  test('the definitions are TensorFlow’s own', () => {
    expect(definitionOf('MatMul')).toEqual({
      inputs: [{ name: 'a' }, { name: 'b' }],
      stateful: false,
    });
    expect(definitionOf('ConcatV2').inputs).toEqual([
      { name: 'values', list: 'N' },
      { name: 'axis' },
    ]);
    expect(definitionOf('IdentityN').inputs).toEqual([{ name: 'input', list: 'T' }]);
    expect(definitionOf('RandomUniform').stateful).toBe(true);
    expect(() => definitionOf('NoSuchOp')).toThrow(/^NoSuchOp: .*NoSuchOp/);
  });

  test('attributes give their lengths, and a list without one takes the rest', () => {
    const concat = definitionOf('ConcatV2');
    const divided = [{ list: ['a', 'b', 'c'] }, { single: 'axis' }];
    expect(groupInputs('ConcatV2', concat, [int('N', 3)], ['a', 'b', 'c', 'axis'])).toEqual(
      divided,
    );
    expect(groupInputs('ConcatV2', concat, [], ['a', 'b', 'c', 'axis'])).toEqual(divided);
    expect(
      groupInputs('IdentityN', definitionOf('IdentityN'), [types('T', 2)], ['a', 'b']),
    ).toEqual([{ list: ['a', 'b'] }]);
    expect(groupInputs('AddN', definitionOf('AddN'), [int('N', 0)], [])).toEqual([{ list: [] }]);
    const fused = definitionOf('_FusedConv2D');
    expect(
      groupInputs(
        '_FusedConv2D',
        fused,
        [int('num_args', 1), types('TArgs', 1)],
        ['x', 'filter', 'bias'],
      ),
    ).toContainEqual({ list: ['bias'] });
  });

  test('a number of inputs that cannot be right is refused', () => {
    expect(() => groupInputs('MatMul', definitionOf('MatMul'), [], ['a'])).toThrow(
      'MatMul: expected 2 inputs, got 1.',
    );
    expect(() =>
      groupInputs('ConcatV2', definitionOf('ConcatV2'), [int('N', 3)], ['a', 'axis']),
    ).toThrow('ConcatV2: expected 4 inputs, got 2.');
    expect(() => groupInputs('ConcatV2', definitionOf('ConcatV2'), [], [])).toThrow(
      'ConcatV2: expected 1 inputs or more, got 0.',
    );
  });
});

test('every C function is declared with the types of TensorFlow’s headers', () => {
  expect(Object.keys(signatures).sort()).toEqual(Object.keys(cApiTypes).sort());
  for (const [name, types] of Object.entries(cApiTypes)) {
    const letters = [...(signatures[name] as string)];
    expect([name, letters.length]).toEqual([name, types.length]);
    letters.forEach((letter, at) => {
      expect([name, at, lettersOf(types[at] as string)]).toEqual([
        name,
        at,
        expect.stringContaining(letter),
      ]);
    });
  }
});

/** The letters of `Signatures` that may stand for a C type. */
function lettersOf(type: string): string {
  if (type === 'const char*') return 'psd';
  if (type === 'const void*') return 'pd';
  if (type.endsWith('*')) return 'p';
  const letters: Readonly<Record<string, string>> = {
    void: 'v',
    float: 'f',
    int64_t: 'l',
    size_t: 'p',
    'unsigned char': 'b',
    int: 'i',
    'const int': 'i',
    TF_Code: 'i',
    TF_DataType: 'i',
    TF_Output: 'o',
  };
  return letters[type] ?? `none for ${type}`;
}
