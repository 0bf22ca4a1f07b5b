import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';

/** The line of this file that calls it, `lines` further down. */
function here(lines = 0): string {
  const [file, line] =
    /(\/[^()]*compileErrors\.test\.ts):(\d+)/
      .exec(new Error('here').stack?.split('\n')[2] ?? '')
      ?.slice(1) ?? [];
  return `${file}:${Number(line) + lines}:`;
}

describe.skipIf('reason' in locateLibrary())(
  'what cannot be compiled is refused with the line to change',
  () => {
    const binding = () => (tf.backend() as NodeBackend).binding;
    let weight: tf.Variable;
    let x: tf.Tensor1D;
    let before: { tensors: number; handles: number; variables: string[] };

    beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));
    beforeEach(() => {
      weight = tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3])));
      x = tf.tensor1d([3, 1, 2]);
      before = state();
    });
    afterEach(() => tf.dispose([weight, x]));

    function state(): typeof before {
      tf.dispose([tf.add(weight, x)]);
      return {
        tensors: tf.memory().numTensors,
        handles: binding().tensors.count,
        variables: Object.keys(tf.engine().registeredVariables),
      };
    }

    /**
     * Holds the message, and that nothing has changed: variables, tensors, handles, the engine
     * itself.
     */
    function expectRefusal(run: (x: tf.Tensor1D) => unknown, ...parts: string[]): void {
      const compiled = compile((x: tf.Tensor1D) => {
        weight.assign(tf.mul(weight, 2));
        return run(x) as tf.Tensor;
      });
      for (const _ of ['once', 'again']) {
        let message = 'no error';
        try {
          compiled(x);
        } catch (error) {
          message = (error as Error).message;
        }
        for (const part of parts) expect(message).toContain(part);
        expect(weight.dataSync()).toEqual(Float32Array.of(1, 2, 3));
        expect(state()).toEqual(before);
      }
    }

    describe('reading values', () => {
      const reading =
        'compile: expected a function that reads no values, got one that reads a tensor';

      test.each([
        ['dataSync', (x: tf.Tensor) => tf.scalar(x.dataSync()[0] as number)],
        ['arraySync', (x: tf.Tensor) => tf.tensor(x.arraySync())],
        ['print', (x: tf.Tensor) => x.print()],
      ])('%s', (_, run) => {
        expectRefusal(
          run,
          reading,
          here(-4).slice(0, -4),
          'return the tensor and read it after the call.',
        );
      });

      test('the line is the one that reads', () => {
        const line = here(2);
        expectRefusal((x) => {
          const [first] = x.dataSync();
          return tf.scalar(first as number);
        }, `${reading} (dataSync, data, array, print, or an op that depends on values) at ${line}`);
      });

      test('data, awaited or not, and what awaits it', async () => {
        expectRefusal(async (x) => tf.scalar((await x.data())[0] as number), reading, here());
        expectRefusal((x) => {
          void x.array().then(() => tf.scalar(1));
          return x;
        }, reading);
        expectRefusal((x) => tf.whereAsync(tf.greater(x, 1)), reading, here());
        expectRefusal((x) => tf.booleanMaskAsync(x, tf.greater(x, 1) as tf.Tensor1D), reading);
        await new Promise((resolve) => setTimeout(resolve, 10));
      });

      test('of a captured tensor, which would be the same at every call', () => {
        const captured = tf.scalar(4);
        before = state();
        expectRefusal((x) => tf.mul(x, captured.dataSync()[0] as number), reading, here());
        captured.dispose();
      });

      test('of a constant it is allowed', () => {
        const compiled = compile((x: tf.Tensor) =>
          tf.mul(x, tf.tensor1d([5, 6]).dataSync()[1] as number),
        );
        const result = tf.tidy(() => compiled(x).dataSync());
        expect(result).toEqual(Float32Array.of(18, 6, 12));
      });

      test('also where the function catches the error', () => {
        expectRefusal((x) => {
          try {
            x.dataSync();
          } catch {
            return x;
          }
          return x;
        }, reading);
      });
    });

    describe('shapes that depend on values', () => {
      test.each([
        ['unique', 'UniqueV2', (x: tf.Tensor1D) => tf.unique(x).values],
        [
          'nonMaxSuppression',
          'NonMaxSuppressionV3',
          (x: tf.Tensor1D) =>
            tf.image.nonMaxSuppression(
              tf.tensor2d([0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3], [3, 4]),
              x,
              3,
            ),
        ],
      ])('%s', (_, op, run) => {
        expectRefusal(
          run,
          `compile: expected ops whose shapes do not depend on values, got ${op} with an output [?] at `,
          'compileErrors.test.ts:',
        );
      });
    });

    test('an op that cannot be traced: TensorFlow’s own message', () => {
      expectRefusal(
        (x) => tf.einsum('i->q', x),
        'compile: could not trace an op at ',
        here(-2),
        'Einsum: ',
      );
      const line = here(5);
      expectRefusal(
        () =>
          tf
            .engine()
            .runKernel(
              'MaxPool',
              { x: tf.zeros([1, 2, 2, 1]) },
              { filterSize: 5, strides: 1, pad: 'valid' },
            ),
        line,
        'MaxPool: ',
      );
    });

    test('randomness of JavaScript', () => {
      const refused =
        'compile: expected a function without randomness of JavaScript, got one that draws';
      expectRefusal((x) => tf.mul(x, tf.randomNormal([3])), refused, here());
      expectRefusal((x) => tf.dropout(x, 0.5), refused, here());
      // biome-ignore lint/nursery/noJsRestrictedProperties: it is what is refused.
      const draw = (): number => Math.random();
      expectRefusal((x) => tf.mul(x, draw()), refused, here(-1));
      expect(draw()).toBeLessThan(1);
    });

    test('numbers, strings, null and arrays of numbers among arguments and results', () => {
      const compiled = compile((options: { rate: tf.Scalar; list: tf.Tensor[] }) =>
        tf.mul(options.rate, options.list[0] as tf.Tensor),
      );
      const call = (argument: unknown): tf.Tensor =>
        compiled(argument as { rate: tf.Scalar; list: tf.Tensor[] });
      const remedy =
        'pass a tensor, such as tf.scalar(…): anything else would be fixed at the first call.';
      const expected = 'compile: argument: expected tensors, or arrays and records of them, got';
      expect(() => call({ rate: 0.1, list: [] })).toThrow(
        `${expected} the number 0.1 in [0].rate; ${remedy}`,
      );
      expect(() => call({ rate: 'a', list: [] })).toThrow(
        `${expected} the string a in [0].rate; ${remedy}`,
      );
      expect(() => call({ rate: null, list: [] })).toThrow(
        `${expected} null in [0].rate; ${remedy}`,
      );
      expect(() => call({ rate: x, list: [x, Int32Array.of(1)] })).toThrow(
        `${expected} Int32Array in [0].list[1]; ${remedy}`,
      );
      expectRefusal(
        () => [3],
        'compile: result: expected tensors, or arrays and records of them, got the number 3 in [0]',
      );
      expectRefusal(
        async () => x,
        'compile: result: expected tensors, or arrays and records of them, got a promise',
      );
    });

    test('a tensor of a trace, used after it', () => {
      const kept: tf.Tensor[] = [];
      const compiled = compile((x: tf.Tensor) => {
        const square = tf.square(x);
        kept.push(square, tf.keep(tf.neg(square)));
        return tf.add(square, 1);
      });
      compiled(x).dispose();
      expect(state()).toEqual(before);
      const ended =
        'compile: expected a tensor with a value, got one that a compiled function created while it was traced, at ';
      for (const tensor of kept) {
        const line = here(1);
        expect(() => tensor.dataSync()).toThrow(`${ended}${line}`);
        expect(() => tf.add(tensor, 1)).toThrow(`${ended}${here()}`);
        tensor.dispose();
      }
      expect(state()).toEqual(before);
    });

    test('a captured tensor that is disposed afterwards: the error names the line of its capture', () => {
      const captured = tf.tensor2d([[1, 2, 3]]);
      const line = here(1);
      const compiled = compile((x: tf.Tensor) => tf.add(x, captured));
      compiled(x).dispose();
      captured.dispose();
      expect(() => compiled(x)).toThrow(
        `compile: expected the tensor of shape [1, 3] that the function captured at ${line}`,
      );
      expect(() => compiled(x)).toThrow('but it was disposed; pass it as an argument.');
      expect(state()).toEqual(before);
    });

    test('a variable that is disposed, afterwards or in the function', () => {
      const variable = tf.tidy(() => tf.variable(tf.scalar(1), true, 'short-lived'));
      const compiled = compile((x: tf.Tensor) => tf.add(x, variable));
      compiled(x).dispose();
      variable.dispose();
      expect(() => compiled(x)).toThrow(
        'compile: expected the variables that the function uses, got short-lived, which was disposed; compile the function again.',
      );
      before = state();
      expectRefusal((x) => {
        weight.dispose();
        return x;
      }, `compile: expected a function that keeps its variables, got ${weight.name} disposed`);
      expect(weight.isDisposed).toBe(false);
    });

    test('arguments that were disposed', () => {
      const gone = tf.scalar(1);
      gone.dispose();
      expect(() => compile((x: tf.Tensor) => x)(gone)).toThrow(
        'compile: argument: expected live tensors, got one of shape [] that was disposed.',
      );
    });

    test('new variables that start from an argument, or are created at every run', () => {
      expectRefusal(
        (x) => tf.variable(x, true, 'from x'),
        'compile: expected new variables whose first values do not depend on arguments, got from x; create it before.',
      );
      expectRefusal(
        (x) => tf.add(x, tf.variable(tf.scalar(1))),
        'compile: expected a function that creates its variables the first time only, got ',
      );
    });

    test('an error of the function itself passes through; what a gradient saved is freed', () => {
      expectRefusal((x) => {
        tf.variableGrads(() => {
          tf.tidy(() => tf.sum(tf.mul(tf.square(weight), tf.exp(tf.square(x)))));
          throw new Error('mine');
        }, [weight]);
      }, 'mine');
      expectRefusal(() => {
        tf.tidy(() => tf.variable(tf.scalar(2)));
        throw new Error('mine');
      }, 'mine');
    });

    test('an error at a call has TensorFlow’s words and the op’s name, and changes nothing', () => {
      const compiled = compile((at: tf.Tensor1D) => {
        weight.assign(tf.mul(weight, 2));
        return tf.gather(x, at);
      });
      const [good, bad] = [tf.tensor1d([0, 1], 'int32'), tf.tensor1d([0, 7], 'int32')];
      expect(tf.tidy(() => compiled(good).dataSync())).toEqual(Float32Array.of(3, 1));
      expect(() => compiled(bad)).toThrow(
        /^compile: .*indices\[1\] = 7 is not in \[0, 3\)[\s\S]*GatherV2/,
      );
      expect(weight.dataSync()).toEqual(Float32Array.of(2, 4, 6));
      tf.dispose([good, bad]);
      expect(state()).toEqual(before);
    });
  },
);
