import { isSafeRelativePath } from '@kd/files';
import { expect, test } from 'vitest';

test.each(['a', 'a/b.bin', 'teacher/view-0.safetensors', '...', 'a/..b', '__proto__'])(
  '%j stays inside its folder',
  (path) => {
    expect(isSafeRelativePath(path)).toBe(true);
  },
);

test.each([
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  '../a',
  'a/../b',
  'a/./b',
  'a\\b',
  '..\\a',
  'C:a',
  'a\0b',
])('%j does not', (path) => {
  expect(isSafeRelativePath(path)).toBe(false);
});
