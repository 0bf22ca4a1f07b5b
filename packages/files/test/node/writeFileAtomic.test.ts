import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeFileAtomic } from '@kd/files/node';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kd-write-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('writes bytes and text, makes folders and leaves nothing else', async () => {
  const file = path.join(folder, 'a', 'b', 'weights.bin');
  await writeFileAtomic(file, Uint8Array.of(1, 2, 3).subarray(1));
  expect([...(await readFile(file))]).toEqual([2, 3]);
  await writeFileAtomic(file, 'täxt');
  expect(await readFile(file, 'utf8')).toBe('täxt');
  expect(await readdir(path.dirname(file))).toEqual(['weights.bin']);
});

test('writes of one file at the same time end with one of them whole', async () => {
  const file = path.join(folder, 'shared');
  const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000));
  await Promise.all(texts.map((text) => writeFileAtomic(file, text)));
  expect(texts).toContain(await readFile(file, 'utf8'));
  expect(await readdir(folder)).toEqual(['shared']);
});

test('a link stays a link', async () => {
  await writeFile(path.join(folder, 'file'), 'before');
  await symlink('file', path.join(folder, 'link'));
  await writeFileAtomic(path.join(folder, 'link'), 'after');
  expect(await readFile(path.join(folder, 'file'), 'utf8')).toBe('after');
  expect(await readlink(path.join(folder, 'link'))).toBe('file');
});

test('a place that is no folder gives one error with its cause', async () => {
  await writeFile(path.join(folder, 'file'), 'before');
  const file = path.join(folder, 'file', 'weights.bin');
  const error = await writeFileAtomic(file, 'x').catch((thrown: unknown) => thrown as Error);
  expect((error as Error).message).toBe(
    `writeFileAtomic: expected to write ${file}, got EEXIST: file already exists, mkdir '${path.join(folder, 'file')}'; choose another place.`,
  );
  expect((error as Error).cause).toMatchObject({ code: 'EEXIST' });
  expect(await readFile(path.join(folder, 'file'), 'utf8')).toBe('before');
});

test('a folder in its place gives one error and nothing is left beside it', async () => {
  await mkdir(path.join(folder, 'taken'));
  const message = await writeFileAtomic(path.join(folder, 'taken'), 'x').catch(
    (thrown: unknown) => (thrown as Error).message,
  );
  expect(message).toMatch(
    /^writeFileAtomic: expected to write .*taken, got (EISDIR|EPERM|EEXIST|ENOTEMPTY): .*; choose .*\.$/,
  );
  expect(await readdir(folder)).toEqual(['taken']);
});

test('a folder that may not be written to gives one error, and stays as it was', async () => {
  const file = path.join(folder, 'weights.bin');
  await writeFile(file, 'before');
  await chmod(folder, 0o555);
  // The superuser may write everywhere: then the file is written.
  const outcome = await writeFileAtomic(file, 'after').catch(
    (thrown: unknown) => (thrown as Error).message,
  );
  await chmod(folder, 0o755);
  if (process.getuid?.() === 0) expect(outcome).toBeUndefined();
  else
    expect(outcome).toMatch(
      /^writeFileAtomic: expected to write .*weights\.bin, got EACCES: .*; choose a folder that you may write to\.$/,
    );
  expect(await readFile(file, 'utf8')).toBe(process.getuid?.() === 0 ? 'after' : 'before');
  expect(await readdir(folder)).toEqual(['weights.bin']);
});

// A limit on the size of files stands for a full disk: the system takes some of the bytes, and then
// none.
test.runIf(process.platform !== 'win32')(
  'a disk without room gives one error, keeps what was there and leaves nothing else',
  async () => {
    const file = path.join(folder, 'weights.bin');
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
    expect(await readdir(folder)).toEqual(['weights.bin']);
  },
);

test.runIf(process.platform !== 'win32')(
  'a process that exits while it writes leaves nothing beside the file',
  async () => {
    const file = path.join(folder, 'weights.bin');
    await writeFile(file, 'before');
    const { stdout, stderr, status } = runLimited(`
    import { watch } from 'node:fs';
    watch(${JSON.stringify(folder)}, () => process.exit(130));
    await writeFileAtomic(${JSON.stringify(file)}, 'after');
    setTimeout(() => {}, 20_000);
  `);
    expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 130 });
    expect(['before', 'after']).toContain(await readFile(file, 'utf8'));
    expect(await readdir(folder)).toEqual(['weights.bin']);
  },
);

/** Runs a script in a process whose files may have 32 KiB. */
function runLimited(script: string): SpawnSyncReturns<string> {
  const module = new URL('../../src/node/writeFileAtomic.ts', import.meta.url).href;
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
