import { decodeSafetensors, encodeSafetensors } from '@kd/files';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { loadVariables, saveVariables } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { messageOf } from './helpers/run.ts';

onCpu();

describe('weights as a file', () => {
  test('come back bit for bit, under their own names', async () => {
    const [one, two] = [tinyCnn(2, 3, 1), tinyCnn(2, 3, 2)];
    const bytes = await saveVariables(one, { epoch: '7' });
    expect(Object.keys(decodeSafetensors(bytes, 'x').tensors).sort()).toEqual([
      'conv.filter',
      'dense.kernel',
      'norm.mean',
      'norm.variance',
    ]);
    expect(decodeSafetensors(bytes, 'x').metadata).toMatchObject({
      epoch: '7',
      network: 'tinyCnn',
      format: 'kd-weights',
    });
    await loadVariables(two, bytes, 'x');
    expect(numbersOf(two.weights)).toStrictEqual(numbersOf(one.weights));
    tf.dispose([one.weights, two.weights]);
  });

  test('of another program load where names and shapes fit', async () => {
    const network = linear(2, 2, 1);
    const kernel = { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) } as const;
    const bias = { dtype: 'F32', shape: [2], data: Float32Array.of(5, 6) } as const;
    await loadVariables(network, encodeSafetensors({ kernel, bias }), 'x');
    expect(numbersOf(network.weights)).toEqual({ kernel: [1, 2, 3, 4], bias: [5, 6] });
    const refused = (tensors: Parameters<typeof encodeSafetensors>[0]) =>
      messageOf(loadVariables(network, encodeSafetensors(tensors), 'x.safetensors'));
    const end = 'it belongs to another network or training.';
    expect(await refused({ kernel })).toBe(
      `x.safetensors: expected bias of shape [2], got nothing of that name; ${end}`,
    );
    expect(await refused({ kernel, offset: bias })).toBe(
      `x.safetensors: expected bias of shape [2], got nothing of that name, but offset; ${end}`,
    );
    expect(await refused({ kernel, bias, more: bias })).toBe(
      `x.safetensors: expected only 2 known weights, got more besides; ${end}`,
    );
    expect(await refused({ kernel, bias: { ...bias, shape: [1, 2] } })).toBe(
      `x.safetensors: expected bias of shape [2], got [1, 2]; ${end}`,
    );
    expect(
      await refused({ kernel, bias: { dtype: 'I32', shape: [2], data: Int32Array.of(5, 6) } }),
    ).toBe(`x.safetensors: expected bias in F32, got I32; ${end}`);
    expect(numbersOf(network.weights)).toEqual({ kernel: [1, 2, 3, 4], bias: [5, 6] });
    network.dispose();
  });

  test('that are not finite are not written', async () => {
    const network = linear(2, 2, 1);
    tf.tidy(() => network.weights.bias?.assign(tf.tensor1d([0, Number.NaN])));
    expect(await messageOf(saveVariables(network))).toBe(
      'saveVariables: expected every weight to stay finite, got NaN in bias; lower the learning rate or clip gradients (clipNorm: 1).',
    );
    network.dispose();
  });
});
