import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { webgpu } from '../src/providers/webgpu.ts';
import { startEngineOn } from '../src/startEngine.ts';
import { runNode } from './child.ts';
import { closeTo, pseudoRandom } from './numbers.ts';

const quiet = { log: () => {} };
const refusal = await startEngine({ engine: 'webgpu', ...quiet }).then(
  () => undefined,
  (error: Error) => error.message,
);

test.skipIf(refusal === undefined)(`webgpu does not start here: ${refusal}`, ({ skip }) => skip());

describe.skipIf(refusal !== undefined)('webgpu in Node', () => {
  type Run = {
    readonly losses: number[];
    readonly filter: ArrayLike<number>;
    readonly tensors: number;
    readonly bytes: (number | undefined)[];
  };

  /** Five steps of gradient descent through a convolution, batch normalization, ReLU and a pool. */
  async function train(engine: 'webgpu' | 'cpu'): Promise<Run> {
    await startEngine({ engine, ...quiet });
    const before = tf.memory().numTensors;
    const shape: [number, number, number, number] = [4, 8, 8, 3];
    const images = tf.tensor4d(pseudoRandom(1, shape), shape);
    const filter = tf.tidy(() =>
      tf.variable(tf.tensor4d(pseudoRandom(2, [3, 3, 3, 4]), [3, 3, 3, 4])),
    );
    const statistics = (side: number): tf.Tensor1D => tf.fill([4], side);
    const losses: number[] = [];
    const bytes: (number | undefined)[] = [];
    for (let step = 0; step < 5; step++) {
      const loss = tf.tidy(() => {
        const { value, grads } = tf.variableGrads(() => {
          const maps = tf.batchNorm(
            tf.conv2d(images, filter as tf.Tensor4D, 1, 'same'),
            statistics(0.1),
            statistics(2),
            statistics(0.5),
            statistics(1.5),
          );
          return tf.mean(
            tf.logSumExp(
              tf.mean(tf.maxPool(tf.relu(maps), 2, 2, 'valid'), [1, 2]) as tf.Tensor2D,
              1,
            ),
          );
        }, [filter]);
        filter.assign(
          tf.sub(filter, tf.mul(grads[filter.name] as tf.Tensor4D, 0.5)) as tf.Tensor4D,
        );
        return value;
      });
      losses.push((await loss.data())[0] as number);
      loss.dispose();
      bytes.push((tf.memory() as { numBytesInGPU?: number }).numBytesInGPU);
    }
    const values = await filter.data();
    tf.dispose([images, filter]);
    return { losses, filter: values, tensors: tf.memory().numTensors - before, bytes };
  }

  test('trains as cpu does, and gives every buffer back', async () => {
    const [ours, stock] = [await train('webgpu'), await train('cpu')];
    closeTo(ours.losses, stock.losses, 1e-5);
    closeTo(ours.filter, stock.filter, 1e-5);
    expect(ours.tensors).toBe(0);
    expect(ours.bytes[4]).toBe(ours.bytes[1]);
  });

  test('dataSync of a tensor on the GPU is an error with the remedy', async () => {
    await startEngine({ engine: 'webgpu', ...quiet });
    const product = tf.matMul(tf.ones([64, 64]), tf.ones([64, 64]));
    expect(() => product.dataSync()).toThrow(
      'webgpu: expected data() or array(), got dataSync() or arraySync(); a GPU is read with await.',
    );
    expect((await product.data())[0]).toBe(64);
    product.dispose();
  });

  test('a process ends as it should, also during a read', async () => {
    const ends = await Promise.all(
      ['wait', 'exit', 'throw'].map((how) => runNode('test/fixtures/webgpuEnds.ts', [how])),
    );
    expect(ends.map(({ status }) => status)).toEqual([0, 3, 1]);
    expect(ends[0]).toMatchObject({ stdout: '256', stderr: '' });
    expect(ends[2]?.stderr).toContain('Error: on purpose');
  });
});

describe('the description of a webgpu adapter', () => {
  const navigator = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  const registered = tf.findBackendFactory('webgpu') !== null;
  const candidate = webgpu(async () => undefined);
  const withAdapter = (adapter: object | null): void => {
    const gpu = { requestAdapter: async () => adapter };
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  };

  beforeAll(() => {
    if (!registered) tf.registerBackend('webgpu', () => null as unknown as tf.KernelBackend);
  });
  afterEach(() => {
    if (navigator === undefined) Reflect.deleteProperty(globalThis, 'navigator');
    else Object.defineProperty(globalThis, 'navigator', navigator);
  });

  test('none', async () => {
    withAdapter(null);
    expect(await candidate.open()).toEqual({
      reason:
        'there is no adapter: install the driver of a GPU (on Linux one for Vulkan), or one in software',
    });
  });

  test.each([
    [
      { vendor: 'nvidia', architecture: 'ampere', device: '', description: '' },
      'GPU: nvidia ampere',
    ],
    [{ vendor: 'apple', description: 'Apple M1' }, 'GPU: Apple M1'],
    [undefined, 'GPU: unnamed'],
    [
      { architecture: 'swiftshader', description: 'SwiftShader driver 5.0.0' },
      'software: SwiftShader driver 5.0.0',
    ],
    [{ vendor: 'mesa', description: 'llvmpipe (LLVM 15)' }, 'software: llvmpipe (LLVM 15)'],
    [{ vendor: 'any', isFallbackAdapter: true }, 'software: any'],
  ])('%o', async (info, device) => {
    withAdapter(info === undefined ? {} : { info });
    expect(await candidate.open()).toMatchObject({ device });
  });

  test('a software adapter is skipped unless webgpu is named', async () => {
    withAdapter({ info: { description: 'SwiftShader' } });
    const platform = {
      providers: [candidate],
      requestedEngine: () => undefined,
      registerGradients: async () => {},
    };
    await expect(startEngineOn(platform, { prefer: ['webgpu', 'wasm'], ...quiet })).rejects.toThrow(
      'webgpu: its adapter is software (SwiftShader), slower than wasm',
    );
  });
});
