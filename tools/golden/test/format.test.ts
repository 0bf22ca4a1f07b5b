import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { toleranceOf } from '../src/format/compare.ts';
import { formula, valuesOf } from '../src/format/formula.ts';
import { readGolden } from '../src/index.ts';
import { ratesOf } from '../src/sections/schedules.ts';

const directory = mkdtempSync(join(tmpdir(), 'kd-golden-'));
afterAll(() => rmSync(directory, { recursive: true }));

function reading(text: string): () => unknown {
  const path = join(directory, 'golden.json');
  writeFileSync(path, text);
  return () => readGolden(path);
}

test('a file with one section is enough', () => {
  expect(reading('{"losses": []}')()).toEqual({ losses: [] });
});

test('a bad file is named, with what was expected', () => {
  const path = join(directory, 'golden.json');
  expect(() => readGolden(join(directory, 'none.json'))).toThrow(
    `golden: expected a file of golden numbers, got ${join(directory, 'none.json')} (ENOENT); set KD_GOLDEN.`,
  );
  expect(reading('{')).toThrow(`golden: expected JSON, got ${path}, which is none; set KD_GOLDEN.`);
  expect(reading('[1]')).toThrow(
    `golden: expected a JSON object with losses, optimizers …, got [1]; look into ${path}.`,
  );
  expect(reading('{"losses": {}}')).toThrow(
    `golden: expected losses as a list, got {}; look into ${path}.`,
  );
  expect(reading('{"inputs": [2]}')).toThrow(
    `golden: expected inputs as an object, got [2]; look into ${path}.`,
  );
  expect(reading('{"a": 1}')).toThrow(
    /^golden: expected one of the sections losses, .*, got a; look into /,
  );
});

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

test('a scheduler that we do not have is named', () => {
  expect(ratesOf('CyclicLR base_lr=0.1 max_lr=1', 0.1, 20)).toEqual({ missing: 'CyclicLR' });
  expect(ratesOf('StepLR step=6 gamma=0.1, then ExponentialLR gamma=.9', 0.1, 20)).toEqual({
    missing: 'StepLR before another',
  });
  expect(ratesOf('whatever this is', 0.1, 20)).toEqual({ missing: 'whatever this is' });
});

test('numbers are read as PyTorch users write them', () => {
  const rates = ratesOf('StepLR step_size=5 gamma=1e-1', 2, 10);
  if ('missing' in rates) throw new Error(rates.missing);
  expect([0, 4, 5, 10].map((at) => rates.schedule(at / rates.steps))).toEqual([
    2,
    2,
    expect.closeTo(0.2, 12),
    expect.closeTo(0.02, 12),
  ]);
});
