import '@tensorflow/tfjs-backend-cpu';
import { expectNoNewTensors } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { fingerprint, type Network, sha256 } from '../src/index.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** A network of these weights; it computes nothing. */
function createNetwork(
  weights: Readonly<Record<string, tf.Tensor>>,
  more: Partial<Network> = {},
): Network {
  const variables = Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => [name, tf.variable(tensor)]),
  );
  tf.dispose(weights as tf.NamedTensorMap);
  return {
    weights: variables,
    forward: () => {
      throw new Error('createNetwork: expected no forward pass.');
    },
    dispose: () => tf.dispose(variables),
    ...more,
  };
}

async function weightsHash(weights: Readonly<Record<string, tf.Tensor>>): Promise<string> {
  const network = createNetwork(weights);
  const { weights: hash } = await fingerprint(network);
  network.dispose();
  return hash;
}

/** FIPS 180-2, appendix B, and the empty message. */
test.each([
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
])('sha256 of "%s"', async (text, digest) => {
  expect(await sha256(new TextEncoder().encode(text))).toBe(digest);
});

test('sha256 reads a view of a larger buffer', async () => {
  const bytes = new TextEncoder().encode('xabcx').subarray(1, 4);
  expect(await sha256(bytes)).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

test('the weights are hashed as documented', async () => {
  const [bias, kernel] = [Float32Array.of(0.5), Float32Array.of(1, 2)];
  const hashOf = (data: Float32Array): Promise<string> => sha256(new Uint8Array(data.buffer));
  const lines = `"bias" float32 [1] ${await hashOf(bias)}\n"kernel" float32 [1,2] ${await hashOf(kernel)}\n`;
  expect(await weightsHash({ kernel: tf.tensor2d(kernel, [1, 2]), bias: tf.tensor1d(bias) })).toBe(
    await sha256(new TextEncoder().encode(lines)),
  );
});

test('equal weights have one fingerprint in any order, and any change gives another', async () => {
  const base = await weightsHash({ a: tf.tensor1d([1, 2]), b: tf.tensor1d([3]) });
  expect(await weightsHash({ b: tf.tensor1d([3]), a: tf.tensor1d([1, 2]) })).toBe(base);
  const others = [
    await weightsHash({ a: tf.tensor1d([1, 2.0000002]), b: tf.tensor1d([3]) }),
    await weightsHash({ a: tf.tensor2d([[1, 2]]), b: tf.tensor1d([3]) }),
    await weightsHash({ a: tf.tensor1d([1, 2]), c: tf.tensor1d([3]) }),
    await weightsHash({ a: tf.tensor1d([1, 2]), b: tf.tensor1d([3], 'int32') }),
    await weightsHash({ b: tf.tensor1d([1, 2]), a: tf.tensor1d([3]) }),
    await weightsHash({ a: tf.tensor1d([1, 2]) }),
    await weightsHash({}),
  ];
  expect(new Set([base, ...others]).size).toBe(8);
});

test('name and preprocessing are the network’s own', async () => {
  const plain = createNetwork({ a: tf.scalar(1) });
  const named = createNetwork({ a: tf.scalar(1) }, { name: 'resnet9', preprocessing: 'mean=0.5' });
  const { weights } = await fingerprint(plain);
  expect(await fingerprint(plain)).toEqual({ name: 'network', weights, preprocessing: '' });
  expect(await fingerprint(named)).toEqual({ name: 'resnet9', weights, preprocessing: 'mean=0.5' });
  await expectNoNewTensors(async () => void (await fingerprint(named)));
  plain.dispose();
  named.dispose();
});
