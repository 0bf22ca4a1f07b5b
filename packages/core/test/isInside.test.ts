import { expect, test } from 'vitest';
import { isInside } from '../src/index.ts';

test.each(['a', 'a/b.bin', 'teacher/view-0.safetensors', '...', 'a/..b', '__proto__'])('%j stays inside its folder', (path) => {
  expect(isInside(path)).toBe(true);
});

test.each(['', '/', '/a', 'a/', 'a//b', '.', '..', '../a', 'a/../b', 'a/./b', 'a\\b', '..\\a', 'C:a', 'a\0b'])('%j does not', (path) => {
  expect(isInside(path)).toBe(false);
});
