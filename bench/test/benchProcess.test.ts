import { expect, test } from 'vitest';
import { runToLastMessage } from '../src/benchProcess.ts';
import { median, pairedRatio, repeatsFor } from '../src/rounds.ts';

const node = (code: string) => ({
  program: process.execPath,
  args: ['-e', code],
  env: { KD_TEST: '7' },
});

test('the message of the last line is returned, and every line is logged', async () => {
  const logged: string[] = [];
  const code =
    'console.log(JSON.stringify({ stage: 1 })); console.log(JSON.stringify({ env: process.env.KD_TEST }))';
  expect(await runToLastMessage('child', node(code), (line) => logged.push(line))).toEqual({
    env: '7',
  });
  expect(logged).toEqual(['child: {"stage":1}', 'child: {"env":"7"}']);
});

test('a process that fails, prints nothing or cannot be started is an error with its stderr', async () => {
  const quiet = () => {};
  await expect(
    runToLastMessage('child', node("console.log('{}'); throw new Error('no such weights')"), quiet),
  ).rejects.toThrow('child: expected a process that ends well, got');
  await expect(runToLastMessage('child', node(''), quiet)).rejects.toThrow('a last line');
  await expect(
    runToLastMessage('child', { program: '/nonexistent/python', args: [], env: {} }, quiet),
  ).rejects.toThrow('ENOENT');
});

test('the median is the middle value, or the mean of the two in the middle', () => {
  expect(median([3])).toBe(3);
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(() => median([])).toThrow('median: expected one value or more, got none.');
});

test('a round that is slow for both does not change the paired ratio', () => {
  expect(pairedRatio([20, 200, 22], [10, 100, 10])).toEqual({ median: 2, min: 2, max: 2.2 });
  expect(() => pairedRatio([1], [1, 2])).toThrow(
    'pairedRatio: expected as many rounds of theirs as of ours, 2, got 1.',
  );
});

test('a turn has as many steps as fill it, at least one', () => {
  expect(repeatsFor(1.5, 250)).toBe(6);
  expect(repeatsFor(1.5, 9_000)).toBe(1);
});
