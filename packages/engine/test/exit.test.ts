import { describe, expect, test } from 'vitest';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { runNode } from './child.ts';

/**
 * TensorFlow has threads of its own, and libuv's may be within it: none of that may crash a process
 * that ends.
 */
describe.skipIf('reason' in locateLibrary())('a process that trains on tensorflow', () => {
  const rows: readonly (readonly [
    name: string,
    ending: string,
    ended: { status: number | null; signal?: string; stdout?: string; stderr?: RegExp },
  ])[] = [
    ['ends by itself', 'byItself', { status: 0, stdout: 'total: 0.0010' }],
    ['exits while a large tensor is read', 'exitDuringRead', { status: 3 }],
    ['exits while a compiled step runs', 'exitDuringStep', { status: 4 }],
    ['exits while three steps run and one waits its turn', 'exitDuringSteps', { status: 5 }],
    ['throws between steps', 'errorBetweenSteps', { status: 1, stderr: /Error: on purpose/ }],
    ['throws while a step runs', 'errorDuringStep', { status: 1, stderr: /Error: on purpose/ }],
    [
      'is interrupted: the handler is called during the step, and exits',
      'interruptEnds',
      { status: 130, stdout: 'interrupted while the step runs: true' },
    ],
    [
      'is interrupted: the handler lets the step end',
      'interruptWaits',
      { status: 0, stdout: 'interrupted while the step runs: true; total: 0.0010' },
    ],
    ['is interrupted and has no handler', 'interruptUnheard', { status: null, signal: 'SIGINT' }],
  ];

  /** So that a step takes its hundreds of milliseconds on any machine. */
  const slowly = { CUDA_VISIBLE_DEVICES: '-1', KD_THREADS: '2' };

  test.each(rows)('%s', (_, ending, { status, signal = null, stdout = '', stderr = /^$/ }) => {
    const ended = runNode('test/fixtures/ends.ts', [ending], slowly);
    expect({ status: ended.status, signal: ended.signal, stdout: ended.stdout }).toEqual({
      status,
      signal,
      stdout: `trained: true; ${stdout}`,
    });
    expect(ended.stderr).toMatch(stderr);
  });

  test.each([
    ['between steps', 'between'],
    ['with a step under way', 'midStep'],
  ])('goes on training after a worker thread that trained too was terminated %s', (_, when) => {
    const { status, signal, stdout, stderr } = runNode(
      'test/fixtures/workerEnds.ts',
      [when],
      slowly,
    );
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      workerFell: true,
      status: 1,
      fell: true,
      total: '0.0010',
    });
  });
});
