import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { counted, onTensorflow, valuesOf } from './compiling.ts';

describe.skipIf('reason' in locateLibrary())('compile on tensorflow', () => {
  onTensorflow();

  describe('arguments and results', () => {
    test('arrays and records of tensors go in and come out with their structure', () => {
      const { compiled, runs } = counted(
        ({ a, list }: { a: tf.Tensor; list: tf.Tensor[] }, b: tf.Tensor) => ({
          sum: tf.add(a, b),
          inner: [tf.mul(list[0] as tf.Tensor, 2), { last: tf.neg(list[1] as tf.Tensor) }],
          nothing: undefined,
        }),
      );
      for (const value of [1, 5]) {
        const result = compiled(
          { a: tf.scalar(value), list: [tf.scalar(2), tf.scalar(3)] },
          tf.scalar(10),
        );
        const { sum, inner } = result as unknown as {
          sum: tf.Tensor;
          inner: [tf.Tensor, { last: tf.Tensor }];
        };
        expect(Object.keys(result)).toEqual(['sum', 'inner', 'nothing']);
        expect([valuesOf(sum), valuesOf(inner[0]), valuesOf(inner[1].last)]).toEqual([
          [value + 10],
          [4],
          [-3],
        ]);
      }
      expect(runs()).toBe(1);
    });

    test('an argument, a constant, a variable, a captured tensor and the same tensor twice are results like others', () => {
      const variable = tf.variable(tf.scalar(7));
      const captured = tf.scalar(8);
      const compiled = compile((x: tf.Tensor) => {
        const square = tf.square(x);
        return [
          x,
          tf.scalar(6),
          variable,
          captured,
          square,
          square,
          tf.clone(square),
        ] as tf.Tensor[];
      });
      const x = tf.scalar(3);
      for (const value of [7, 70]) {
        variable.assign(tf.scalar(value));
        const results = compiled(x);
        expect(new Set(results).size).toBe(7);
        expect(results).not.toContain(x);
        expect(results.map(valuesOf)).toEqual([[3], [6], [value], [8], [9], [9], [9]]);
      }
      expect(x.dataSync()[0]).toBe(3);
    });

    test('a function that returns nothing, and one that computes nothing', () => {
      const variable = tf.variable(tf.scalar(1));
      compile((x: tf.Tensor) => variable.assign(tf.add(variable, x) as tf.Scalar))(tf.scalar(4));
      expect(variable.dataSync()[0]).toBe(5);
      expect(valuesOf(compile((x: tf.Tensor) => x)(tf.scalar(4)))).toEqual([4]);
      expect(compile(() => undefined)()).toBe(undefined);
    });

    test('empty tensors, scalars, booleans, whole numbers and strings', () => {
      const compiled = compile(
        (empty: tf.Tensor, yes: tf.Tensor, whole: tf.Tensor, text: tf.Tensor) => [
          tf.concat([empty, empty]),
          tf.logicalNot(yes),
          tf.add(whole, whole),
          tf.concat([text, text]),
        ],
      );
      const [empty, yes, whole, text] = compiled(
        tf.tensor1d([]),
        tf.scalar(true, 'bool'),
        tf.scalar(2 ** 24 + 1, 'int32'),
        tf.tensor1d(['a']),
      ) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      expect(empty.shape).toEqual([0]);
      expect([yes, whole, text].map((tensor) => [tensor.dtype, valuesOf(tensor)])).toEqual([
        ['bool', [0]],
        ['int32', [2 ** 25 + 2]],
        ['string', ['a', 'a']],
      ]);
      empty.dispose();
    });
  });

  describe('signatures', () => {
    test('another shape, type or structure traces again; the same does not', () => {
      const { compiled, runs } = counted((x: tf.Tensor | tf.Tensor[]) =>
        tf.sum(tf.mul(tf.stack([x].flat()), 2)),
      );
      const calls: [() => tf.Tensor | tf.Tensor[], number, number][] = [
        [() => tf.tensor1d([1, 2, 3]), 12, 1],
        [() => tf.tensor1d([1, 2]), 6, 2],
        [() => tf.tensor1d([4, 2, 3]), 18, 2],
        [() => tf.tensor1d([1, 2], 'int32'), 6, 3],
        [() => [tf.tensor1d([1, 2])], 6, 4],
        [() => [tf.tensor1d([1, 2])], 6, 4],
      ];
      for (const [make, sum, traces] of calls) {
        expect(valuesOf(compiled(make()))).toEqual([sum]);
        expect(runs()).toBe(traces);
      }
    });

    test('eight signatures are cached, the least recently used is released', () => {
      const { compiled, runs } = counted((x: tf.Tensor) => tf.sum(x));
      const call = (length: number): number[] => valuesOf(compiled(tf.ones([length])));
      for (let length = 1; length <= 8; length++) expect(call(length)).toEqual([length]);
      call(1);
      expect(runs()).toBe(8);
      call(9);
      expect(runs()).toBe(9);
      call(1);
      expect(runs()).toBe(9);
      expect(call(2)).toEqual([2]);
      expect(runs()).toBe(10);
    });

    test('two compiled functions do not share anything', () => {
      const [one, two] = [1, 2].map((add) => compile((x: tf.Tensor) => tf.add(x, add)));
      expect([one, two].map((compiled) => valuesOf(compiled?.(tf.scalar(1)) as tf.Tensor))).toEqual(
        [[2], [3]],
      );
    });
  });

  test('KD_COMPILE=off: the function itself', async () => {
    vi.stubEnv('KD_COMPILE', 'off');
    const { compiled, runs } = counted((x: tf.Tensor) => tf.square(x));
    vi.unstubAllEnvs();
    expect([compiled(tf.scalar(3)), await compiled.callAsync(tf.scalar(4))].map(valuesOf)).toEqual([
      [9],
      [16],
    ]);
    expect(runs()).toBe(2);
  });
});

describe.skipIf('reason' in locateLibrary())(
  'what a compiled function has to do with besides its arguments',
  () => {
    onTensorflow();

    describe('variables', () => {
      test('those that are assigned hold the new value after each call, traced or not', () => {
        const count = tf.variable(tf.scalar(0));
        const { compiled, runs } = counted((by: tf.Scalar) => {
          count.assign(tf.add(count, by) as tf.Scalar);
          return tf.mul(count, 10);
        });
        expect([1, 2, 3].map((by) => valuesOf(compiled(tf.scalar(by)))[0])).toEqual([10, 30, 60]);
        expect(count.dataSync()[0]).toBe(6);
        count.assign(tf.scalar(100));
        expect(valuesOf(compiled(tf.scalar(1)))).toEqual([1010]);
        expect(runs()).toBe(1);
      });

      test('two that shared data before go their own ways', () => {
        const a = tf.variable(tf.scalar(1));
        const b = tf.variable(tf.scalar(2));
        b.assign(a);
        const step = compile(() => {
          a.assign(tf.add(a, 1) as tf.Scalar);
          b.assign(tf.mul(b, 10) as tf.Scalar);
        });
        step();
        step();
        expect([a.dataSync()[0], b.dataSync()[0]]).toEqual([3, 100]);
      });

      test('two that share data after the call, and one that takes the other’s old value', () => {
        const [a, b, c] = [1, 2, 3].map((value) => tf.variable(tf.scalar(value))) as [
          tf.Variable,
          tf.Variable,
          tf.Variable,
        ];
        const step = compile(() => {
          c.assign(b);
          b.assign(a);
          const next = tf.add(a, 5);
          a.assign(next);
          return next;
        });
        expect(valuesOf(step())).toEqual([6]);
        expect([a, b, c].map((variable) => variable.dataSync()[0])).toEqual([6, 1, 2]);
        expect(valuesOf(step())).toEqual([11]);
        expect([a, b, c].map((variable) => variable.dataSync()[0])).toEqual([11, 6, 1]);
      });

      test('a tensor passed twice, captured as well, and shared with a variable', () => {
        const x = tf.tensor1d([1, 2]);
        const variable = tf.variable(x);
        const compiled = compile((a: tf.Tensor, b: tf.Tensor) => {
          variable.assign(tf.add(variable, 1) as tf.Tensor1D);
          return tf.stack([a, b, x, variable]);
        });
        expect(valuesOf(compiled(x, x))).toEqual([1, 2, 1, 2, 1, 2, 2, 3]);
        const y = tf.tensor1d([10, 20]);
        expect(valuesOf(compiled(y, x))).toEqual([10, 20, 1, 2, 1, 2, 3, 4]);
        expect(valuesOf(compiled(x, y))).toEqual([1, 2, 10, 20, 1, 2, 4, 5]);
        expect(x.dataSync()).toEqual(Float32Array.of(1, 2));
      });

      test('a variable that is an argument can be assigned, each for itself', () => {
        const [a, b] = [1, 2].map((value) => tf.variable(tf.scalar(value))) as [
          tf.Variable,
          tf.Variable,
        ];
        const double = compile((variable: tf.Tensor) => {
          (variable as tf.Variable).assign(tf.mul(variable, 2));
          return tf.neg(variable);
        });
        expect([a, b, a].map((variable) => valuesOf(double(variable))[0])).toEqual([-2, -4, -4]);
        expect([a.dataSync()[0], b.dataSync()[0]]).toEqual([4, 4]);
      });

      test('clones and results taken before a call keep their values', () => {
        const variable = tf.variable(tf.scalar(1));
        const step = compile(() => {
          variable.assign(tf.add(variable, 1) as tf.Scalar);
          return variable as tf.Tensor;
        });
        const clone = tf.clone<tf.Tensor>(variable);
        const first = step();
        const second = step();
        expect([clone, first, second].map(valuesOf)).toEqual([[1], [2], [3]]);
        expect(variable.dataSync()[0]).toBe(3);
      });

      test('variables that the function creates start as without compile, and are created once', () => {
        const made: tf.Variable[] = [];
        const weight = tf.variable(tf.tensor1d([1, 2]));
        const { compiled, runs } = counted((x: tf.Tensor1D) => {
          made[0] ??= tf.variable(tf.zerosLike(weight));
          made[1] ??= tf.variable(tf.tidy(() => tf.mul(weight, 10)));
          made[2] ??= tf.variable(tf.scalar(4));
          made[0].assign(tf.add(made[0], x));
          made[2].assign(tf.add(made[2], 1));
          return tf.add(made[0], made[1]);
        });
        expect(valuesOf(compiled(tf.tensor1d([1, 1])))).toEqual([11, 21]);
        expect(valuesOf(compiled(tf.tensor1d([1, 1])))).toEqual([12, 22]);
        expect(made.map((variable) => Array.from(variable.dataSync()))).toEqual([
          [2, 2],
          [10, 20],
          [6],
        ]);
        expect(runs()).toBe(2);
      });
    });

    describe('captured tensors', () => {
      test('one that was there before is an input, uploaded or not', () => {
        const used = tf.tensor1d([1, 2]);
        tf.add(used, 1);
        const fresh = tf.tensor1d([3, 4]);
        const compiled = compile((x: tf.Tensor) => tf.add(tf.add(x, used), fresh));
        for (const _ of [1, 2]) expect(valuesOf(compiled(tf.scalar(10)))).toEqual([14, 16]);
        const tensors = tf.memory().numTensors;
        compiled(tf.scalar(0)).dispose();
        expect(tf.memory().numTensors).toBe(tensors + 1);
      });

      test('what was cached by tf.keep in the function is captured when it is traced again', () => {
        const cache: tf.Tensor[] = [];
        const compiled = compile((x: tf.Tensor) => {
          cache[0] ??= tf.keep(tf.tensor1d([1, 2]));
          return tf.sum(tf.mul(tf.sum(x), cache[0]));
        });
        expect(valuesOf(compiled(tf.ones([2])))).toEqual([6]);
        expect(valuesOf(compiled(tf.ones([3])))).toEqual([9]);
        cache[0]?.dispose();
      });
    });
  },
);

describe.skipIf('reason' in locateLibrary())('a compiled call off the event loop', () => {
  const binding = () => (tf.backend() as NodeBackend).binding;
  let before: { tensors: number; handles: number };
  const state = (): typeof before => ({
    tensors: tf.memory().numTensors,
    handles: binding().tensors.count,
  });
  const valuesOf = (tensor: tf.Tensor): number[] => {
    const values = Array.from(tensor.dataSync());
    tensor.dispose();
    return values;
  };

  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));
  beforeEach(() => {
    before = state();
  });
  afterEach(() => {
    tf.disposeVariables();
    expect(state()).toEqual(before);
  });

  /** Some hundred milliseconds of products of matrices. */
  const slow = (x: tf.Tensor): tf.Tensor =>
    tf.tidy(() => {
      let product = x as tf.Tensor2D;
      for (let count = 0; count < 24; count++) product = tf.matMul(product, x as tf.Tensor2D);
      return tf.mean(product);
    });
  const identity = (size: number): tf.Tensor2D => tf.tidy(() => tf.clone(tf.eye(size)));

  test('results and variables are as with a call that is waited for', async () => {
    const total = tf.tidy(() => tf.variable(tf.scalar(0)));
    const compiled = compile((x: tf.Tensor) =>
      tf.tidy(() => {
        total.assign(tf.add(total, x) as tf.Scalar);
        return { square: tf.square(x), x, total: total as tf.Tensor };
      }),
    );
    const x = tf.scalar(3);
    for (const wanted of [3, 6, 9]) {
      const result = (await compiled.callAsync(x)) as {
        square: tf.Tensor;
        x: tf.Tensor;
        total: tf.Tensor;
      };
      expect(Object.values(result).map(valuesOf)).toEqual([[9], [3], [wanted]]);
      expect(total.dataSync()[0]).toBe(wanted);
    }
    x.dispose();
  });

  test('the event loop turns all the while, which it cannot during a call that is waited for', async () => {
    const compiled = compile(slow);
    const x = identity(1000);
    compiled(x).dispose();
    const ticksDuring = async (call: () => tf.Tensor | Promise<tf.Tensor>): Promise<number> => {
      const ticks = { count: 0 };
      const timer = setInterval(() => ticks.count++, 1);
      expect(valuesOf(await call())[0]).toBeCloseTo(1 / 1000, 7);
      clearInterval(timer);
      return ticks.count;
    };
    expect(await ticksDuring(() => compiled(x))).toBeLessThanOrEqual(1);
    expect(await ticksDuring(() => compiled.callAsync(x))).toBeGreaterThan(5);
    x.dispose();
  });

  test('arguments may be disposed meanwhile, also one that is a result', async () => {
    const compiled = compile((x: tf.Tensor) => [slow(x), x] as tf.Tensor[]);
    for (let count = 0; count < 5; count++) {
      const x = identity(200);
      const pending = compiled.callAsync(x);
      x.dispose();
      const [mean, same] = await pending;
      expect(valuesOf(mean as tf.Tensor)[0]).toBeCloseTo(1 / 200, 7);
      expect(valuesOf(same as tf.Tensor).reduce((sum, value) => sum + value)).toBe(200);
    }
  });

  test('several at once, of the same function and of others', async () => {
    const [one, two] = [
      compile((x: tf.Tensor) => tf.tidy(() => tf.add(slow(x), 1))),
      compile((x: tf.Tensor) => tf.tidy(() => tf.add(slow(x), 2))),
    ];
    const x = identity(128);
    const results = await Promise.all([
      one.callAsync(x),
      one.callAsync(x),
      two.callAsync(x),
      two.callAsync(x),
      one.callAsync(x),
      two.callAsync(x),
    ]);
    expect(results.map((result) => Math.round((valuesOf(result)[0] as number) * 128))).toEqual([
      129, 129, 257, 257, 129, 257,
    ]);
    x.dispose();
  });

  test('a variable that the call updates is assigned meanwhile: an error, and the assigned value stays', async () => {
    const weight = tf.tidy(() => tf.variable(tf.scalar(1), true, 'weight'));
    const compiled = compile((x: tf.Tensor) =>
      tf.tidy(() => {
        weight.assign(tf.add(weight, slow(x)) as tf.Scalar);
      }),
    );
    const x = identity(128);
    const pending = compiled.callAsync(x);
    tf.tidy(() => weight.assign(tf.scalar(5)));
    await expect(pending).rejects.toThrow(
      'compile: expected variables that stay as they are until a call has ended, got weight assigned meanwhile; await it before the next.',
    );
    expect(weight.dataSync()[0]).toBe(5);
    const both = await Promise.allSettled([compiled.callAsync(x), compiled.callAsync(x)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(weight.dataSync()[0]).toBeCloseTo(5 + 1 / 128, 6);
    x.dispose();
  });

  test('errors of tracing and of TensorFlow are rejections, and the next call works', async () => {
    const table = tf.tensor1d([1, 2, 3]);
    const compiled = compile((at: tf.Tensor) => tf.gather(table, at as tf.Tensor1D));
    const [good, bad] = [tf.tensor1d([2], 'int32'), tf.tensor1d([9], 'int32')];
    await expect(compiled.callAsync(bad)).rejects.toThrow(
      /^compile: .*indices\[0\] = 9 is not in \[0, 3\)/,
    );
    expect(valuesOf(await compiled.callAsync(good))).toEqual([3]);
    await expect(
      compile((x: tf.Tensor) => tf.scalar(x.dataSync()[0] as number)).callAsync(good),
    ).rejects.toThrow('compile: expected a function that reads no values');
    tf.dispose([table, good, bad]);
  });

  test('one whose program is pushed out of the cache ends first', async () => {
    const compiled = compile((x: tf.Tensor) => slow(x));
    const x = identity(256);
    const pending = compiled.callAsync(x);
    for (let size = 1; size <= 9; size++) {
      const other = identity(size);
      compiled(other).dispose();
      other.dispose();
    }
    expect(valuesOf(await pending)[0]).toBeCloseTo(1 / 256, 7);
    x.dispose();
  });
});
