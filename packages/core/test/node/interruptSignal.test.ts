import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { sigintSignal } from '../../src/node/index.ts';

test('the first Ctrl-C aborts, and dispose gives it back', () => {
  const before = process.listenerCount('SIGINT');
  const { signal, dispose } = sigintSignal();
  expect(process.listenerCount('SIGINT')).toBe(before + 1);
  expect(signal.aborted).toBe(false);
  process.emit('SIGINT');
  expect(signal.aborted).toBe(true);
  expect((signal.reason as Error).name).toBe('AbortError');
  dispose();
  dispose();
  expect(process.listenerCount('SIGINT')).toBe(before);
});

test.runIf(process.platform !== 'win32')(
  'the second Ctrl-C ends the process with code 130',
  async () => {
    const module = new URL('../../src/node/interruptSignal.ts', import.meta.url).href;
    const script = `
    import { sigintSignal } from ${JSON.stringify(module)};
    const { signal } = sigintSignal();
    signal.addEventListener('abort', () => console.log('saving'));
    setTimeout(() => {}, 60_000);
    console.log('running');
  `;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', script],
      {
        cwd: new URL('..', import.meta.url),
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const said: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.push(text);
      child.kill('SIGINT');
    });
    const [code] = await once(child, 'close');
    expect(said.join('')).toBe('running\nsaving\n');
    expect(code).toBe(130);
  },
);
