import { expect, test } from 'vitest';
import { runNode } from './child.ts';

test('TF.js’s own tests run on an engine; the last line counts them', () => {
  const { status, stdout } = runNode('conformance/main.ts', [
    '--engine',
    'wasm',
    '--filter',
    '^(add|tensor) .*(broadcast|float32 -> bool|complex64 -> bool)',
  ]);
  expect(stdout).toContain(
    'excluded 2: no kernel: complex numbers\n        add complex number broadcasting addition\n        tensor cast complex64 -> bool\n',
  );
  expect(stdout.trimEnd()).toMatch(/\n\d+ passed, 0 failed, 2 excluded$/);
  expect(status).toBe(0);
});

test('a failing test is shown, and the exit status says so', () => {
  const { status, stdout } = runNode('conformance/main.ts', [
    '--engine',
    'wasm',
    '--excluded',
    '--filter',
    'cast complex64 -> bool',
  ]);
  expect(stdout).toMatch(
    /^FAILED {2}tensor cast complex64 -> bool\n {8}Error: Kernel 'Complex' not registered for backend 'wasm'/,
  );
  expect(stdout.trimEnd()).toMatch(/\n0 passed, 1 failed, 0 excluded$/);
  expect(status).toBe(1);
});
