/** Whole processes: how they end, what the allocator does, threads of wasm. They run side by side. */
import { describe, expect, test } from 'vitest';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { runNode, sideBySide } from './child.ts';

/**
 * TensorFlow has threads of its own, and libuv's may be within it: none of that may crash a process
 * that ends.
 */
describe.skipIf('reason' in locateLibrary())(
  'a process that trains on tensorflow',
  sideBySide,
  () => {
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

    /** So that a step takes a hundred milliseconds and more on any machine. */
    const slowly = { CUDA_VISIBLE_DEVICES: '-1', KD_THREADS: '2' };

    test.for(rows)(
      '%s',
      async ([, ending, { status, signal = null, stdout = '', stderr = /^$/ }]) => {
        const ended = await runNode('test/fixtures/ends.ts', [ending], slowly);
        expect({ status: ended.status, signal: ended.signal, stdout: ended.stdout }).toEqual({
          status,
          signal,
          stdout: `trained: true; ${stdout}`,
        });
        expect(ended.stderr).toMatch(stderr);
      },
    );

    test.for([
      ['between steps', 'between'],
      ['with a step under way', 'midStep'],
    ] as const)(
      'goes on training after a worker thread that trained too was terminated %s',
      async ([, when]) => {
        const { status, signal, stdout, stderr } = await runNode(
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
      },
    );
  },
);

/**
 * glibc's settings, which musl and macOS lack. TensorFlow's own pool for oneDNN has none of these
 * faults: they come with arrays of JavaScript, hence op by op.
 */
describe.skipIf('reason' in locateLibrary() || process.platform !== 'linux')(
  'memory that is freed',
  () => {
    /** The median of the steps after the first four, in which memory grows. */
    const faultsPerStep = async (
      environment: Readonly<Record<string, string | undefined>>,
    ): Promise<number> => {
      const { status, stdout, stderr } = await runNode('test/fixtures/pageFaults.ts', [], {
        KD_COMPILE: 'off',
        ...environment,
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const later = (JSON.parse(stdout) as number[]).slice(4).sort((a, b) => a - b);
      return later[Math.floor(later.length / 2)] as number;
    };

    test('is kept by the process for the next step, unless KD_MALLOC=off', async () => {
      const [kept, returned] = await Promise.all([
        faultsPerStep({ KD_MALLOC: undefined }),
        faultsPerStep({ KD_MALLOC: 'off' }),
      ]);
      const pagesOfActivation = 2 ** 24 / 4096;
      expect(returned).toBeGreaterThan(pagesOfActivation / 2);
      expect(kept).toBeLessThan(pagesOfActivation / 10);
    });
  },
);

describe('wasm in Node', sideBySide, () => {
  const fixture = 'test/fixtures/wasmThreads.ts';

  test('uses the given number of threads, with the same numbers, leaves no trace, and lets the process end', async () => {
    const outputs = await Promise.all(
      ['1', '2', '3'].map(async (threads) => {
        const { status, stdout, stderr } = await runNode(fixture, [], { KD_WASM_THREADS: threads });
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        return JSON.parse(stdout);
      }),
    );
    expect(outputs.map(({ threads }) => threads)).toEqual([1, 2, 3]);
    for (const { sum } of outputs) expect(sum).toBeCloseTo(outputs[0].sum, 1);
    for (const { before, after } of outputs) expect(after).toEqual(before);
  });

  test('a number of threads that cannot be is an error with the allowed range', async () => {
    const { status, stderr, stdout } = await runNode(fixture, [], { KD_WASM_THREADS: '9' });
    expect(status).not.toBe(0);
    expect(stdout + stderr).toContain('KD_WASM_THREADS: expected an integer from 1 to 8, got 9');
  });

  test('an error that nobody catches is printed as it is, without the minified program of upstream', async () => {
    const { status, stderr } = await runNode(fixture, ['--fail'], { KD_WASM_THREADS: '2' });
    expect(status).toBe(1);
    expect(stderr).toContain('Error: on purpose');
    expect(stderr.length).toBeLessThan(2000);
  });
});
