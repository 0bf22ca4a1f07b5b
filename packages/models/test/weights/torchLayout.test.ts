import { expect, test } from 'vitest';
import { torchLayout } from '../../src/weights/torchLayout.ts';

const counted = (length: number) => Float32Array.from({ length }, (_, n) => n);

test('kernels of convolutions are OIHW in PyTorch: every number finds its place', () => {
  const { layer, part, shape, toOurs, toTheirs } = torchLayout('stage1.conv.kernel', [2, 3, 4, 5]);
  expect({ layer, part, shape }).toEqual({
    layer: 'stage1.conv',
    part: 'weight',
    shape: [5, 4, 2, 3],
  });
  const ours = toOurs(counted(120));
  for (let o = 0; o < 5; o++) {
    for (let i = 0; i < 4; i++) {
      for (let y = 0; y < 2; y++)
        for (let x = 0; x < 3; x++)
          expect(ours[((y * 3 + x) * 4 + i) * 5 + o]).toBe(((o * 4 + i) * 2 + y) * 3 + x);
    }
  }
  expect(toTheirs(ours)).toEqual(counted(120));
});

test('dense kernels are [out, in] there', () => {
  const { part, shape, toOurs, toTheirs } = torchLayout('fc.kernel', [3, 2]);
  expect({ part, shape }).toEqual({ part: 'weight', shape: [2, 3] });
  expect(Array.from(toOurs(counted(6)))).toEqual([0, 3, 1, 4, 2, 5]);
  expect(toTheirs(toOurs(counted(6)))).toEqual(counted(6));
});

test('depthwise kernels are [channels · times, 1, height, width] there', () => {
  const { part, shape, toOurs, toTheirs } = torchLayout('depth.depthwiseKernel', [2, 2, 3, 2]);
  expect({ part, shape }).toEqual({ part: 'weight', shape: [6, 1, 2, 2] });
  const ours = toOurs(counted(24));
  for (let channel = 0; channel < 3; channel++) {
    for (let time = 0; time < 2; time++) {
      for (let at = 0; at < 4; at++)
        expect(ours[(at * 3 + channel) * 2 + time]).toBe((channel * 2 + time) * 4 + at);
    }
  }
  expect(toTheirs(ours)).toEqual(counted(24));
});

test.each([
  ['bn.scale', 'weight'],
  ['bn.offset', 'bias'],
  ['bn.mean', 'running_mean'],
  ['bn.variance', 'running_var'],
  ['fc.bias', 'bias'],
])('%s is %s there, and lies alike', (ours, theirs) => {
  const { part, shape, toOurs } = torchLayout(ours, [4]);
  expect({ part, shape }).toEqual({ part: theirs, shape: [4] });
  expect(toOurs(counted(4))).toEqual(counted(4));
});
