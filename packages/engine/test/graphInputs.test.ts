import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { attributeType, dataType } from '../src/node/tensorflow/capi/types.ts';
import { groupInputs, OpDefs } from '../src/node/tensorflow/graph/opDefs.ts';

describe.skipIf('reason' in locateLibrary())('which inputs of an op are lists', () => {
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

  test('TensorFlow itself tells', () => {
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

  test('attributes say how long they are, and one that they do not mention takes what is left', () => {
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
