import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runProcessGroup } from '../../../tools/testing/src/processes.ts';
import { readProcessGroupOptions } from '../src/node/distributed/options.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { inTurn, runNode, sideBySide } from './child.ts';

interface Line {
  readonly rank: number;
  readonly size?: number;
  readonly eager?: readonly number[];
  readonly compiled?: readonly number[];
  readonly double?: readonly number[];
  readonly whole?: readonly number[];
  readonly later?: readonly number[];
  readonly leaked?: number;
  readonly error?: string;
  readonly again?: string;
  readonly seconds?: number;
}

const fixture = new URL('fixtures/inGroup.ts', import.meta.url);
const wayOut =
  /one of them has ended, does not answer or does something else: see its output, and start the group anew/;

describe.skipIf('reason' in locateLibrary())('processes in a group', sideBySide, () => {
  const run = (
    processes: number,
    mode: string,
    more: { timeoutSeconds?: number; stopped?: number[] } = {},
  ) => inTurn(() => runProcessGroup<Line>(fixture, { processes, args: [mode], ...more }));

  /**
   * What one process gets that adds the numbers of all in the order of the ring: of n parts of a
   * tensor (aligned to 64 bytes), part c is finished by rank c − 1.
   */
  function summed(size: number, scale = 1): number[] {
    const numbers = (rank: number) =>
      Float32Array.from({ length: 1000 }, (_, at) => Math.sin(at * 1.7 + rank)).map(
        (value) => value * scale,
      );
    const all = Array.from({ length: size }, (_, rank) => numbers(rank));
    const part = 16 * (Math.floor(Math.ceil(1000 / size) / 16) + 1);
    return Array.from({ length: 1000 }, (_, at) => {
      const first = Math.floor(at / part);
      const order = all.map((_, step) => all[(first + step) % size] as Float32Array);
      return order
        .map((values) => values[at] as number)
        .reduce((sum, value) => Math.fround(sum + value));
    });
  }

  test.each([2, 3])(
    '%i of them get the same sums to the last bit, at once and compiled, and leak nothing',
    async (size) => {
      const ends = await run(size, 'ok');
      for (const [rank, { status, lines, stderr }] of ends.entries()) {
        expect([status, stderr]).toEqual([0, '']);
        const [sums, leaked] = lines as [Line, Line];
        expect(sums).toMatchObject({ rank, size });
        expect(sums.eager).toEqual(summed(size));
        expect([sums.compiled, sums.later]).toEqual([sums.eager, sums.eager]);
        expect(sums.double).toEqual(summed(size, 2));
        expect(sums.whole?.every(Number.isInteger)).toBe(true);
        expect(leaked.leaked).toBe(0);
      }
    },
  );

  test('one that is killed is an error on the others', async () => {
    const ends = await run(3, 'kill');
    expect(ends.map(({ status, signal }) => signal ?? status)).toEqual([1, 1, 'SIGKILL']);
    for (const { lines } of ends.slice(0, 2)) {
      expect(lines[2]?.error).toMatch(
        /^compile: expected every process of the group to take part, got /,
      );
      expect(lines[2]?.error).toMatch(wayOut);
      expect(lines[2]?.seconds).toBeLessThan(19);
      expect(lines[3]?.again).toMatch(wayOut);
    }
  });

  test('one that is stopped is an error on the other after the timeout', async () => {
    const [first] = await run(2, 'stop', { timeoutSeconds: 4, stopped: [1] });
    expect(first).toMatchObject({ status: 1, stderr: '' });
    expect(first?.lines[2]?.error).toMatch(/got Collective has timed out/);
    expect(first?.lines[2]?.seconds).toBeGreaterThan(3.5);
  });

  test('one that ends while it waits for the others can do so', async () => {
    const ends = await run(2, 'exitMeanwhile');
    expect(ends.map(({ status }) => status)).toEqual([4, 0]);
  });

  test('a process without its peers gets an error after the timeout', async () => {
    const workers = ['127.0.0.1:1', '127.0.0.1:2'].join();
    const [ofOne, { status, stderr }] = await Promise.all([
      run(1, 'ok', { timeoutSeconds: 1 }),
      runNode('test/fixtures/inGroup.ts', ['ok'], {
        KD_CLUSTER: workers,
        KD_CLUSTER_INDEX: '1',
        KD_CLUSTER_TIMEOUT: '1',
      }),
    ]);
    expect(ofOne[0]).toMatchObject({ status: 0 });
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/expected every process of the group to take part/),
    ]);
  });

  test('launch starts them, prefixes their lines and returns the status of the first that fails', async () => {
    const program = [
      process.execPath,
      '--conditions=@kd/source',
      '--import',
      'tsx',
      fileURLToPath(fixture),
      'kill',
    ];
    const { status, stdout, stderr } = await runNode('src/node/command.ts', [
      'launch',
      '-n',
      '2',
      '--timeout',
      '20',
      '--',
      ...program,
    ]);
    expect([status, stderr]).toEqual([137, '[1] ended with status 137\n[0] ended with status 1\n']);
    expect(stdout).toMatch(/^\[0\] \{"rank":0,"leaked":0\}$/m);
    expect(stdout).toMatch(/^\[1\] \{"rank":1,"leaked":0\}$/m);
    expect(stdout).toMatch(/^\[0\] \{"rank":0,"error":"compile: expected every process/m);
  });
});

test('launch names a missing program', sideBySide, async () => {
  const { status, stderr } = await runNode('src/node/command.ts', [
    'launch',
    '-n',
    '1',
    '--',
    'no-such-program',
  ]);
  expect([status, stderr]).toEqual([
    127,
    '[0] spawn no-such-program ENOENT\n[0] ended with status 127\n',
  ]);
});

test('another engine is refused', sideBySide, async () => {
  const { stderr } = await runNode('test/fixtures/inGroup.ts', ['ok'], {
    KD_CLUSTER: '127.0.0.1:4000',
    KD_CLUSTER_INDEX: '0',
    KD_ENGINE: 'wasm',
  });
  expect(stderr).toMatch(
    'startEngine: expected the engine tensorflow in a process group (processGroup, KD_CLUSTER), got wasm.',
  );
});

describe('readProcessGroupOptions', () => {
  const workers = ['127.0.0.1:4000', 'other.example:4000', '[::1]:80'];

  test('reads the options, else the environment', () => {
    expect(readProcessGroupOptions({ workers, index: 2 }, { KD_CLUSTER: 'a:1' })).toEqual({
      workers,
      index: 2,
      timeoutSeconds: 120,
    });
    expect(
      readProcessGroupOptions(undefined, {
        KD_CLUSTER: 'a:1,b:2',
        KD_CLUSTER_INDEX: '1',
        KD_CLUSTER_TIMEOUT: '7',
      }),
    ).toEqual({
      workers: ['a:1', 'b:2'],
      index: 1,
      timeoutSeconds: 7,
    });
    expect(readProcessGroupOptions(undefined, {})).toBeUndefined();
  });

  test.each([
    [{ workers: [], index: 0 }, 'startEngine: expected workers as host:port, got none.'],
    [{ workers: ['a'], index: 0 }, 'startEngine: expected workers as host:port, got a.'],
    [{ workers: ['a:0'], index: 0 }, 'startEngine: expected workers as host:port, got a:0.'],
    [
      { workers: ['a:99999'], index: 0 },
      'startEngine: expected workers as host:port, got a:99999.',
    ],
    [
      { workers: ['a:1', 'a:1'], index: 0 },
      'startEngine: expected an address of its own for every worker, got a:1 twice.',
    ],
    [{ workers: ['a:1'], index: 1 }, 'startEngine: expected an index from 0 to 0, got 1.'],
    [
      { workers: ['a:1'], index: 0, timeoutSeconds: 0 },
      'startEngine: expected timeoutSeconds > 0, got 0.',
    ],
  ])('%j is refused', (cluster, message) => {
    expect(() => readProcessGroupOptions(cluster, {})).toThrow(new RangeError(message));
  });

  test('the environment without an index is refused', () => {
    expect(() => readProcessGroupOptions(undefined, { KD_CLUSTER: 'a:1' })).toThrow(
      new RangeError('KD_CLUSTER: expected an index from 0 to 0, got NaN.'),
    );
  });
});
