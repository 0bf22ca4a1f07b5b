import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensureDirectory, writeFileAtomic } from '../../src/node/index.ts';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'kd-write-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

test('writes bytes and text, creates directories and leaves nothing else', async () => {
  const file = path.join(directory, 'a', 'b', 'weights.bin');
  await writeFileAtomic(file, Uint8Array.of(1, 2, 3).subarray(1));
  expect([...(await readFile(file))]).toEqual([2, 3]);
  await writeFileAtomic(file, 'täxt');
  expect(await readFile(file, 'utf8')).toBe('täxt');
  expect(await readdir(path.dirname(file))).toEqual(['weights.bin']);
});

test('concurrent writes of one file end with one of them complete', async () => {
  const file = path.join(directory, 'shared');
  const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000));
  await Promise.all(texts.map((text) => writeFileAtomic(file, text)));
  expect(texts).toContain(await readFile(file, 'utf8'));
  expect(await readdir(directory)).toEqual(['shared']);
});

test('a symbolic link stays a link', async () => {
  await writeFile(path.join(directory, 'file'), 'before');
  await symlink('file', path.join(directory, 'link'));
  await writeFileAtomic(path.join(directory, 'link'), 'after');
  expect(await readFile(path.join(directory, 'file'), 'utf8')).toBe('after');
  expect(await readlink(path.join(directory, 'link'))).toBe('file');
});

test('a path that is no directory gives one error with its cause', async () => {
  await writeFile(path.join(directory, 'file'), 'before');
  const file = path.join(directory, 'file', 'weights.bin');
  const error = await writeFileAtomic(file, 'x').catch((thrown: unknown) => thrown as Error);
  expect((error as Error).message).toBe(
    `writeFileAtomic: expected to write ${file}, got EEXIST: file already exists, mkdir '${path.join(directory, 'file')}'; choose another place.`,
  );
  expect((error as Error).cause).toMatchObject({ code: 'EEXIST' });
  expect(await readFile(path.join(directory, 'file'), 'utf8')).toBe('before');
});

test('a directory in its place gives one error and nothing is left beside it', async () => {
  await mkdir(path.join(directory, 'taken'));
  const message = await writeFileAtomic(path.join(directory, 'taken'), 'x').catch(
    (thrown: unknown) => (thrown as Error).message,
  );
  expect(message).toMatch(
    /^writeFileAtomic: expected to write .*taken, got (EISDIR|EPERM|EEXIST|ENOTEMPTY): .*; choose .*\.$/,
  );
  expect(await readdir(directory)).toEqual(['taken']);
});

test('a directory that is not writable gives one error, and is unchanged', async () => {
  const file = path.join(directory, 'weights.bin');
  await writeFile(file, 'before');
  await chmod(directory, 0o555);
  // The superuser may write everywhere: then the file is written.
  const outcome = await writeFileAtomic(file, 'after').catch(
    (thrown: unknown) => (thrown as Error).message,
  );
  await chmod(directory, 0o755);
  if (process.getuid?.() === 0) expect(outcome).toBeUndefined();
  else
    expect(outcome).toMatch(
      /^writeFileAtomic: expected to write .*weights\.bin, got EACCES: .*; choose a directory that you may write to\.$/,
    );
  expect(await readFile(file, 'utf8')).toBe(process.getuid?.() === 0 ? 'after' : 'before');
  expect(await readdir(directory)).toEqual(['weights.bin']);
});

// A limit on the size of files stands for a full disk: the system takes some of the bytes, and then
// none.
test.runIf(process.platform !== 'win32')(
  'a full disk gives one error, the old content stays and nothing else is left',
  async () => {
    const file = path.join(directory, 'weights.bin');
    await writeFile(file, 'before');
    const { stdout, stderr } = runLimited(`
    process.on('SIGXFSZ', () => {});
    await writeFileAtomic(${JSON.stringify(file)}, new Uint8Array(1e6)).catch((error) => console.log(error.message));
  `);
    expect({ stdout, stderr }).toEqual({
      stdout: `writeFileAtomic: expected to write ${file}, got EFBIG: file too large, write; make room there or choose another place.\n`,
      stderr: '',
    });
    expect(await readFile(file, 'utf8')).toBe('before');
    expect(await readdir(directory)).toEqual(['weights.bin']);
  },
);

test.runIf(process.platform !== 'win32')(
  'a process that exits while it writes leaves nothing beside the file',
  async () => {
    const file = path.join(directory, 'weights.bin');
    await writeFile(file, 'before');
    const { stdout, stderr, status } = runLimited(`
    import { watch } from 'node:fs';
    watch(${JSON.stringify(directory)}, () => process.exit(130));
    await writeFileAtomic(${JSON.stringify(file)}, 'after');
    setTimeout(() => {}, 20_000);
  `);
    expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 130 });
    expect(['before', 'after']).toContain(await readFile(file, 'utf8'));
    expect(await readdir(directory)).toEqual(['weights.bin']);
  },
);

/** Runs a script in a process whose files may have 32 KiB. */
function runLimited(script: string): SpawnSyncReturns<string> {
  const module = new URL('../../src/node/atomicWrite.ts', import.meta.url).href;
  const whole = `import { writeFileAtomic } from ${JSON.stringify(module)};\n${script}`;
  const node = [
    process.execPath,
    '--conditions=@kd/source',
    '--import',
    'tsx',
    '--input-type=module',
    '--eval',
    whole,
  ];
  return spawnSync('sh', ['-c', 'ulimit -f 64 && exec "$@"', 'sh', ...node], {
    encoding: 'utf8',
    cwd: new URL('../../../core/test', import.meta.url),
    env: { ...process.env, TSX_DISABLE_CACHE: '1' },
    timeout: 30_000,
  });
}

describe('ensureDirectory', () => {
  const made: string[] = [];
  const room = async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'kd-'));
    made.push(directory);
    return directory;
  };
  afterEach(async () => {
    for (const directory of made.splice(0)) await rm(directory, { recursive: true });
  });

  test('creates the parents too, and leaves an existing one', async () => {
    const deep = path.join(await room(), 'a', 'b', 'c');
    await ensureDirectory(deep);
    await ensureDirectory(deep);
    expect((await stat(deep)).isDirectory()).toBe(true);
  });

  test('throws if a file has the name', async () => {
    const file = path.join(await room(), 'file');
    await writeFile(file, '');
    await expect(ensureDirectory(file)).rejects.toThrow('EEXIST');
    await expect(ensureDirectory(path.join(file, 'below'))).rejects.toThrow('ENOTDIR');
  });

  test.skipIf(process.platform !== 'linux')(
    'throws if nothing can be created in a directory, instead of trying for ever',
    async () => {
      await expect(ensureDirectory('/proc/kd-test/below')).rejects.toThrow('ENOENT');
    },
  );
});
