import { expect, test } from 'vitest';
import { lastMessage } from '../src/lastMessage.ts';

const node = (code: string) => ({
  program: process.execPath,
  args: ['-e', code],
  environment: { KD_TOLD: '7' },
});

test('the last line is what a process says in the end, and every line is told', async () => {
  const told: string[] = [];
  const code =
    'console.log(JSON.stringify({ stage: 1 })); console.log(JSON.stringify({ told: process.env.KD_TOLD }))';
  expect(await lastMessage('child', node(code), (line) => told.push(line))).toEqual({ told: '7' });
  expect(told).toEqual(['child: {"stage":1}', 'child: {"told":"7"}']);
});

test('a process that fails, says nothing or cannot be started is an error with its last words', async () => {
  const quiet = () => {};
  await expect(
    lastMessage('child', node("console.log('{}'); throw new Error('no such weights')"), quiet),
  ).rejects.toThrow('child: expected a process that ends well, got');
  await expect(lastMessage('child', node(''), quiet)).rejects.toThrow('a last line');
  await expect(
    lastMessage('child', { program: '/nonexistent/python', args: [], environment: {} }, quiet),
  ).rejects.toThrow('ENOENT');
});
