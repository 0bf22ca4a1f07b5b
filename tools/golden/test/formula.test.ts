import { expect, test } from 'vitest';
import { formula, valuesOf } from '../src/format/formula.ts';

test('sums, products, brackets, signs, sin and cos', () => {
  expect(formula('1+2*3-4/2')({})).toBe(5);
  expect(formula('2*(1*sin(0.37*n+0.1)+0.6*cos(0.0137*n*n+-0.3))')({ n: 3 })).toBeCloseTo(
    2 * (Math.sin(1.21) + 0.6 * Math.cos(0.1233 - 0.3)),
    12,
  );
  expect(formula('-n*1e-2')({ n: 5 })).toBeCloseTo(-0.05, 15);
});

test('its values fill a shape, by the flat index n', () => {
  expect(Array.from(valuesOf('0.5*n+s', [2, 2], { s: 1 }))).toEqual([1, 1.5, 2, 2.5]);
});

test('what is not understood is refused', () => {
  expect(() => formula('exp(n)')({ n: 0 })).toThrow(
    'golden: expected a number or one of n in exp(n), got exp.',
  );
  expect(() => formula('n^2')({ n: 0 })).toThrow(
    'golden: expected a formula of + - * / sin cos, got n^2.',
  );
  expect(() => formula('(n')({ n: 0 })).toThrow(
    'golden: expected a formula with its brackets closed, got (n.',
  );
});
