import { expect, test } from 'vitest';
import { toleranceOf } from '../src/format/compare.ts';

const conventions = {
  tolerance:
    'float32: value 1e-5 relative, gradient 2e-4 of its norm; DKD, RKD 1e-3; KDSVD 1e-2 for gradients',
};

test('a loss has the tolerance of its method where the file names it', () => {
  expect(toleranceOf({})).toEqual({ value: 1e-5, gradient: 1e-4 });
  expect(toleranceOf({ conventions })).toEqual({ value: 1e-5, gradient: 2e-4 });
  expect(toleranceOf({ conventions }, 'KD (KL, batchmean, times T^2)')).toEqual({
    value: 1e-5,
    gradient: 2e-4,
  });
  expect(toleranceOf({ conventions }, 'RKD 25/50 on flattened maps')).toEqual({
    value: 1e-3,
    gradient: 1e-3,
  });
  expect(toleranceOf({ conventions }, 'KDSVD')).toEqual({ value: 1e-5, gradient: 1e-2 });
});
