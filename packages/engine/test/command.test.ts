import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../src/node/engineCommand.ts';
import { runNode, sideBySide } from './child.ts';

describe('kd-engine', sideBySide, () => {
  const command = (...args: string[]) =>
    runNode('src/node/command.ts', args, { KD_LIBTENSORFLOW: '/nowhere' });

  test.each([
    [[], 'nothing'],
    [['train'], 'train'],
    [['--gpu'], '--gpu'],
  ])('%j is refused in one line', (args, got) => {
    expect(parseCommandLine(args)).toEqual({
      wrong: `kd-engine: expected doctor or install or launch, got ${got}; see kd-engine --help.`,
    });
  });

  test.each([
    [['doctor', 'now'], 'kd-engine doctor: expected its options, got now; see kd-engine --help.'],
    [
      ['install', '--quick'],
      'kd-engine install: expected its options, got --quick; see kd-engine --help.',
    ],
    [
      ['install', '--version', 'new'],
      'kd-engine install: expected --version with a version such as 2.21 or 2.21.0, got new.',
    ],
    [
      ['launch', '-n', '2'],
      'kd-engine launch: expected -- and a program, got none; kd-engine launch -n 2 -- node train.js.',
    ],
    [['launch', '--', 'node'], 'kd-engine launch: expected -n from 1 to 1024, got none.'],
    [
      ['launch', '-n', '2', '--port', '65535', '--', 'node'],
      'kd-engine launch: expected --port from 1 to 65534, got 65535.',
    ],
    [
      ['launch', '-n', '2', '--timeout', '0', '--', 'node'],
      'kd-engine launch: expected --timeout > 0, got 0.',
    ],
  ])('%j is refused by its command', (args, wrong) => {
    expect(parseCommandLine(args)).toEqual({ wrong });
  });

  test('parses the commands and their options', () => {
    expect(parseCommandLine(['install', '--gpu', '--version', '2.21'])).toEqual({
      command: 'install',
      gpu: true,
      version: '2.21',
    });
    expect(parseCommandLine(['doctor', '--json'])).toEqual({ command: 'doctor', json: true });
    expect(parseCommandLine(['install', '--help'])).toEqual({ command: 'help' });
    expect(
      parseCommandLine(['launch', '-n', '3', '--port', '4000', '--', 'node', 'train.js', '--help']),
    ).toEqual({
      command: 'launch',
      launch: {
        processes: 3,
        port: 4000,
        timeoutSeconds: undefined,
        command: ['node', 'train.js', '--help'],
      },
    });
  });

  test('an unknown command ends with status 2', async () => {
    expect(await command('train')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^kd-engine: expected .*\n$/),
    });
  });

  test('doctor lists engines and reasons, and its status is 0 if an engine trains', async () => {
    const { status, stdout, stderr } = await command('doctor');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`node           ${process.version}`);
    expect(stdout).toContain(
      'tensorflow     absent: KD_LIBTENSORFLOW names it, but there is no directory /nowhere',
    );
    expect(stdout).toMatch(/wasm {11}trains: 4\.\d+\.\d+, CPU, \d threads?, WebAssembly/);
    expect(stdout).toContain(
      'startEngine() uses wasm. `npx kd-engine install` installs tensorflow',
    );
  });

  test('install prints the reason if it cannot install', async () => {
    expect(await command('install')).toMatchObject({
      status: 1,
      stderr: 'kd-engine: KD_LIBTENSORFLOW names it, but there is no directory /nowhere\n',
    });
  });
});

test('TF.js’s own tests run on an engine; the last line has their number', sideBySide, async () => {
  const { status, stdout } = await runNode('conformance/main.ts', [
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

test('a failing test is printed, and the exit status is 1', sideBySide, async () => {
  const { status, stdout } = await runNode('conformance/main.ts', [
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
