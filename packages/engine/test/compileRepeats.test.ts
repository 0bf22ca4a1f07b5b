import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { GraphBuilder } from '../src/node/tensorflow/graph/graphBuilder.ts';
import {
  CommonSubexpressions,
  isNoOp,
} from '../src/node/tensorflow/graph/passes/commonSubexpressions.ts';
import { onTensorflow, valuesOf } from './compiling.ts';

describe.skipIf('reason' in locateLibrary())('what a function computes twice', () => {
  onTensorflow();

  function opsOf(run: () => void): string[] {
    const append = vi.spyOn(GraphBuilder.prototype, 'append');
    run();
    const ops = append.mock.calls.map(([op]) => op).filter((op) => op !== 'Placeholder');
    append.mockRestore();
    return ops;
  }

  test('is recorded once, with its values at both places', () => {
    const compiled = compile((x: tf.Tensor) =>
      tf.tidy(() => [tf.exp(tf.neg(x)), tf.exp(tf.neg(x)), tf.mul(tf.exp(tf.neg(x)), 2)]),
    );
    const x = tf.tensor1d([0, -1]);
    expect(opsOf(() => tf.dispose(compiled(x)))).toEqual(['Neg', 'Exp', 'Mul']);
    const results = compiled(x) as tf.Tensor[];
    for (const [at, times] of [1, 1, 2].entries()) {
      const values = valuesOf(results[at] as tf.Tensor);
      [times, times * Math.E].forEach((expected, place) => {
        expect(values[place]).toBeCloseTo(expected, 5);
      });
    }
  });

  test('is two where inputs, their order or attributes differ', () => {
    const compiled = compile((a: tf.Tensor, b: tf.Tensor) =>
      tf.tidy(() => [tf.sub(a, b), tf.sub(b, a), tf.sum(a, 0, true), tf.sum(a, 0, false)]),
    );
    const results = compiled(tf.tensor1d([5, 7]), tf.tensor1d([1, 2])) as tf.Tensor[];
    expect(results.map(({ shape }) => shape)).toEqual([[2], [2], [1], []]);
    expect(results.flatMap((tensor) => valuesOf(tensor))).toEqual([4, 5, -4, -5, 12, 12]);
  });

  test('a cast to the type that a tensor has is none; an argument that is only cast comes back', () => {
    const compiled = compile((x: tf.Tensor) =>
      tf.tidy(() => ({
        same: tf.cast(x, 'float32'),
        doubled: tf.mul(tf.cast(x, 'float32'), 2),
        int: tf.cast(x, 'int32'),
      })),
    );
    const x = tf.tensor1d([1.5, 2]);
    const ops = opsOf(() => tf.dispose(compiled(x)));
    expect(ops).toEqual(['Mul', 'Cast']);
    const { same, doubled, int } = compiled(x) as Record<'same' | 'doubled' | 'int', tf.Tensor>;
    expect([valuesOf(same), valuesOf(doubled), valuesOf(int)]).toEqual([
      [1.5, 2],
      [3, 4],
      [1, 2],
    ]);
    expect(x.isDisposed).toBe(false);
  });
});

test('an op that acts on more than its outputs is never a repetition', () => {
  const repeats = new CommonSubexpressions();
  const call = { op: 'RandomUniform', attributes: [], inputs: [] };
  const node = {
    op: 'RandomUniform',
    operation: 1,
    attributes: [],
    inputs: [],
    outputShape: [],
    outputDtype: 1,
  };
  repeats.add(call, { ...node, stateful: true });
  expect(repeats.find(call)).toBeUndefined();
  repeats.add(call, { ...node, stateful: false });
  expect(repeats.find(call)?.operation).toBe(1);
});

test('only a cast between equal types changes nothing', () => {
  const types = (from: number, to: number) => [
    { name: 'SrcT', type: 4, value: from },
    { name: 'DstT', type: 4, value: to },
  ];
  expect([isNoOp('Cast', types(1, 1)), isNoOp('Cast', types(1, 3)), isNoOp('Sum', [])]).toEqual([
    true,
    false,
    false,
  ]);
});
