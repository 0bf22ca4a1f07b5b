import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { GraphBuilder, type GraphNode } from '../src/node/tensorflow/graph/graphBuilder.ts';
import {
  CommonSubexpressions,
  isNoOp,
} from '../src/node/tensorflow/graph/passes/commonSubexpressions.ts';
import { fusionClusters } from '../src/node/tensorflow/graph/passes/xlaClusters.ts';
import { onTensorflow, valuesOf } from './compiling.ts';

describe.skipIf('reason' in locateLibrary())('common subexpressions', () => {
  onTensorflow();

  function opsOf(run: () => void): string[] {
    const append = vi.spyOn(GraphBuilder.prototype, 'append');
    run();
    const ops = append.mock.calls.map(([op]) => op).filter((op) => op !== 'Placeholder');
    append.mockRestore();
    return ops;
  }

  test('a repeated call becomes one node, with its values at both places', () => {
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

/** Large enough for a loop of its own. */
const large = [512, 512] as const;

describe.skipIf('reason' in locateLibrary())('updates of large variables', () => {
  onTensorflow();

  const weightOf = (shape: readonly number[]) =>
    tf.tidy(() => tf.variable(tf.randomUniform([...shape], -1, 1, 'float32', 1)));

  /**
   * Adam's update as TF.js writes it, with everything that may be in one: roots, constants, a
   * scalar that changes, a row that is broadcast.
   */
  const update = (weight: tf.Variable, moment: tf.Variable, gradient: tf.Tensor, rate: tf.Tensor) =>
    tf.tidy(() => {
      const moved = tf.add(tf.mul(moment, 0.9), tf.mul(tf.square(gradient), 0.1));
      moment.assign(moved);
      weight.assign(tf.sub(weight, tf.mul(tf.div(gradient, tf.add(tf.sqrt(moved), 1e-7)), rate)));
    });

  /** Ops of the graph while a function is compiled. */
  function opsOf(run: () => void): string[] {
    const append = vi.spyOn(GraphBuilder.prototype, 'append');
    run();
    const ops = append.mock.calls.map(([op]) => op);
    append.mockRestore();
    return ops;
  }

  test.each([
    ['a scalar rate', []],
    ['a rate for each column', [512]],
  ])('with %s give the values of op after op', (_, rateShape) => {
    const [weight, moment, gradient] = [
      weightOf(large),
      tf.variable(tf.zeros([...large])),
      tf.randomUniform([...large], -1, 1, 'float32', 2),
    ];
    const [expectedWeight, expectedMoment] = [tf.variable(weight), tf.variable(moment)];
    const step = compile((by: tf.Tensor, rate: tf.Tensor) => update(weight, moment, by, rate));
    const rates = [0.1, 0.01, 0.001].map((rate) => tf.fill(rateShape, rate));
    const ops = opsOf(() => step(gradient, rates[0] as tf.Tensor));
    for (const rate of rates.slice(1)) step(gradient, rate);
    for (const rate of rates) update(expectedWeight, expectedMoment, gradient, rate);
    expect(ops.filter((op) => op === 'PartitionedCall')).toHaveLength(1);
    expect(weight.shape).toEqual(large);
    expect(relativeDifference(weight, expectedWeight)).toBeLessThan(1e-6);
    expect(relativeDifference(moment, expectedMoment)).toBeLessThan(1e-6);
  });

  test('of several variables, of other shapes and in later functions, are one function of the context', () => {
    const weights = [large, [2 ** 18], [64, 64, 64]].map((shape) => weightOf(shape));
    const add = vi.spyOn(
      (tf.backend() as NodeBackend).binding.runtime.api,
      'TFE_ContextAddFunction',
    );
    const make = () =>
      compile((rate: tf.Scalar) =>
        tf.tidy(() => {
          for (const weight of weights) weight.assign(tf.sub(tf.mul(weight, 0.625), rate));
        }),
      );
    const before = weights.map((weight) => weight.dataSync()[7] as number);
    make()(tf.scalar(0.5));
    make()(tf.scalar(0.5));
    expect(add).toHaveBeenCalledTimes(3);
    add.mockRestore();
    const expected = before.map((value) => (value * 0.625 - 0.5) * 0.625 - 0.5);
    for (const [at, weight] of weights.entries())
      expect(weight.dataSync()[7]).toBeCloseTo(expected[at] as number, 6);
  });

  test('that others read, and of which the caller gets values', () => {
    const weight = weightOf(large);
    const before = weight.dataSync()[3] as number;
    const step = compile(() =>
      tf.tidy(() => {
        const half = tf.mul(weight, 0.5);
        const next = tf.add(half, 1);
        weight.assign(next);
        return [half, next, tf.neg(tf.slice(next, [0, 3], [1, 1])), ...tf.split(next, 2, 1)];
      }),
    );
    const [half, next, corner, left, right] = step() as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    expect([half, next, weight, left].map((tensor) => tensor.dataSync()[3])).toEqual([
      before / 2,
      ...Array(3).fill(before / 2 + 1),
    ]);
    expect(valuesOf(corner)).toEqual([-before / 2 - 1]);
    expect(right.dataSync()[0]).toBe(next.dataSync()[256]);
  });

  test('are left as they are where variables are small', () => {
    const weight = weightOf([16, 16]);
    const step = compile((rate: tf.Tensor) =>
      weight.assign(tf.tidy(() => tf.sub(tf.mul(weight, 0.5), rate))),
    );
    expect(opsOf(() => step(tf.scalar(1)))).not.toContain('PartitionedCall');
  });
});

describe('the elementwise part of a graph', () => {
  const node = (
    operation: number,
    op: string,
    from: number[],
    more: Partial<GraphNode> = {},
  ): GraphNode => ({
    op,
    operation,
    inputs: from.map((at) => ({ operation: at, index: 0 })),
    outputShape: [8],
    outputDtype: 1,
    attributes: [],
    stateful: false,
    ...more,
  });
  const ports = (...operations: number[]) =>
    operations.map((operation) => ({ operation, index: 0 }));
  const regionsOf = (nodes: GraphNode[], outputs: number[], ends = outputs) =>
    fusionClusters(nodes, ports(...outputs), ports(...ends), 8).map(
      ({ members, inputs, outputs }) => ({
        members: members.map(({ operation }) => operation),
        inputs: inputs.map(({ operation }) => operation),
        outputs: outputs.map(({ operation }) => operation),
      }),
    );

  test('begins behind ops of other kinds and reaches to the output', () => {
    const nodes = [node(1, 'MatMul', [90, 91]), node(2, 'Mul', [1, 92]), node(3, 'Sub', [93, 2])];
    expect(regionsOf(nodes, [3])).toEqual([{ members: [2, 3], inputs: [1, 92, 93], outputs: [3] }]);
  });

  test('gives what others read, and ends where they lead back to it', () => {
    const nodes = [
      node(1, 'Square', [90]),
      node(2, 'Mul', [1, 1]),
      node(3, 'Sub', [90, 2]),
      node(4, 'Sum', [1]),
    ];
    expect(regionsOf(nodes, [3, 4], [3])).toEqual([
      { members: [1, 2, 3], inputs: [90], outputs: [1, 3] },
    ]);
    expect(regionsOf(nodes.slice(0, 3), [1, 3], [3])).toEqual([
      { members: [1, 2, 3], inputs: [90], outputs: [1, 3] },
    ]);
    const norm = [
      node(1, 'Square', [90]),
      node(2, 'Sum', [1]),
      node(3, 'Mul', [1, 2]),
      node(4, 'Sub', [90, 3]),
    ];
    expect(regionsOf(norm, [4])).toEqual([{ members: [3, 4], inputs: [1, 2, 90], outputs: [4] }]);
  });

  test('is one where two outputs share a value, and two where they share inputs only', () => {
    const shared = [node(1, 'Square', [90]), node(2, 'Mul', [1, 91]), node(3, 'Neg', [1])];
    expect(regionsOf(shared, [2, 3])).toEqual([
      { members: [1, 2, 3], inputs: [90, 91], outputs: [2, 3] },
    ]);
    const apart = [
      node(1, 'Square', [90]),
      node(2, 'Neg', [1]),
      node(3, 'Square', [90]),
      node(4, 'Neg', [3]),
    ];
    expect(regionsOf(apart, [2, 4]).map(({ members }) => members)).toEqual([
      [3, 4],
      [1, 2],
    ]);
  });

  test('has one shape, enough elements, and more than one op', () => {
    const spread = [
      node(1, 'Neg', [90], { outputShape: [1] }),
      node(2, 'Mul', [1, 91]),
      node(3, 'Neg', [2]),
    ];
    expect(regionsOf(spread, [3])).toEqual([{ members: [2, 3], inputs: [1, 91], outputs: [3] }]);
    expect(
      regionsOf(
        [node(1, 'Neg', [90], { outputShape: [7] }), node(2, 'Neg', [1], { outputShape: [7] })],
        [2],
      ),
    ).toEqual([]);
    expect(regionsOf([node(1, 'MatMul', [90, 91]), node(2, 'Neg', [1])], [2])).toEqual([]);
  });
});

/** Of weights between −1 and 1: one near 0 is a difference of larger numbers. */
function relativeDifference(one: tf.Tensor, other: tf.Tensor): number {
  return valuesOf(
    tf.tidy(() => tf.max(tf.div(tf.abs(tf.sub(one, other)), tf.maximum(tf.abs(other), 0.1)))),
  )[0] as number;
}
