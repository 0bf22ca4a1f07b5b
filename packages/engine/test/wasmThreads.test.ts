import { describe, expect, test } from 'vitest';
import { runNode } from './child.ts';

const fixture = 'test/fixtures/wasmThreads.ts';

describe('wasm in Node', () => {
  test('uses as many threads as it is told, with the same numbers, leaves no trace, and lets the process end', () => {
    const outputs = ['1', '2', '3'].map((threads) => {
      const { status, stdout, stderr } = runNode(fixture, [], { KD_WASM_THREADS: threads });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      return JSON.parse(stdout);
    });
    expect(outputs.map(({ threads }) => threads)).toEqual([1, 2, 3]);
    for (const { sum } of outputs) expect(sum).toBeCloseTo(outputs[0].sum, 1);
    for (const { before, after } of outputs) expect(after).toEqual(before);
  });

  test('a number of threads that cannot be is an error that says what can', () => {
    const { status, stderr, stdout } = runNode(fixture, [], { KD_WASM_THREADS: '9' });
    expect(status).not.toBe(0);
    expect(stdout + stderr).toContain(
      'KD_WASM_THREADS: expected a whole number from 1 to 8, got 9',
    );
  });

  test('an error that nobody catches is printed as it is, without the minified program of upstream', () => {
    const { status, stderr } = runNode(fixture, ['--fail'], { KD_WASM_THREADS: '2' });
    expect(status).toBe(1);
    expect(stderr).toContain('Error: on purpose');
    expect(stderr.length).toBeLessThan(2000);
  });
});
