import { copyFileSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { encodeSafetensors } from '@kd/files';
import { temporaryDirectories } from '@kd/testing';
import { describe, expect, test } from 'vitest';
import { type OpenWeightsOptions, openWeights, type Weights } from '../../src/index.ts';
import { openWeights as openFile } from '../../src/node/index.ts';
import { bytesOf, expectTensors, pathOf } from './checkpointFixtures.ts';

const openBytes = (file: string, options: OpenWeightsOptions = {}): Weights =>
  openWeights(bytesOf(file), { fileName: file, ...options });

describe('every tensor of a file, in memory and on disk', () => {
  test.each([
    ['odd.pth', {}],
    ['odd.legacy.pth', {}],
    ['odd.safetensors', {}],
    ['protocol4.pth', {}],
    ['protocol5.pth', {}],
    ['checkpoint.pth', { part: 'state_dict' }],
    ['checkpoint.legacy.pth', { part: 'state_dict' }],
    ['parallel.pth', { part: 'model', prefix: 'module.' }],
    ['compiled.pth', { prefix: '_orig_mod.module.' }],
    ['averaged.pth', { prefix: 'module.' }],
    ['wholeModule.legacy.pth', {}],
  ])('%s', async (file, { part, prefix }: { part?: string; prefix?: string }) => {
    const parsed = openBytes(file);
    expectTensors(parsed, file);
    expectTensors(await openFile(pathOf(file)), file);
    expect([parsed.fileName, parsed.metadata.part, parsed.metadata.prefix]).toEqual([
      file,
      part,
      prefix,
    ]);
  });

  test('an entry has the type in the file, and returns a new copy each time', () => {
    const { entries } = openBytes('odd.pth');
    const dtypes = Object.fromEntries(
      Object.entries(entries).map(([name, { dtype }]) => [name, dtype]),
    );
    expect(dtypes).toMatchObject({
      transposed: 'F32',
      f64: 'F64',
      f16: 'F16',
      bf16: 'BF16',
      i64: 'I64',
      u16: 'U16',
      bool: 'BOOL',
      f8e4m3: 'F8_E4M3',
    });
    const first = entries.part?.read() as Float32Array;
    first.fill(0);
    expect(entries.part?.read()[0]).toBe(-0.25);
  });

  test('the metadata of a safetensors file is kept', () => {
    expect(openBytes('odd.safetensors').metadata).toEqual({
      made: 'for a test',
    });
  });
});

describe('parts of a checkpoint', () => {
  test.each(['checkpoint.pth', 'checkpoint.legacy.pth'])(
    '%s: the averaged copy on request; the rest is listed, not read',
    (file) => {
      expectTensors(openBytes(file, { part: 'state_dict_ema' }), file, 'checkpoint.pth ema');
      expect(openBytes(file).metadata.else).toBe(
        'epoch: 3; arch: "small"; state_dict_ema: a dict of 8; optimizer: a dict of 2; args: argparse.Namespace; metric: a tensor',
      );
    },
  );

  test.each([
    [
      'checkpoint.pth',
      { part: 'model' },
      /^checkpoint\.pth: expected tensors under 'model', got a dict of "epoch" \(3\), .*; pass \{ part: 'state_dict' \} or \{ part: 'state_dict_ema' \}\.$/,
    ],
    [
      'twoNetworks.pth',
      {},
      /^twoNetworks\.pth: expected one state dict, got several: student, teacher; pass \{ part: 'student' \} or \{ part: 'teacher' \}\.$/,
    ],
    [
      'nothing.pth',
      {},
      /^nothing\.pth: expected a state dict, got a dict of "epoch" \(1\), "args" \(argparse\.Namespace\); in Python: torch\.save\(model\.state_dict\(\), …\)\.$/,
    ],
    [
      'odd.safetensors',
      { part: 'ema' },
      /^odd\.safetensors: expected no option part: a safetensors file has one set of tensors, got ema\.$/,
    ],
  ])('%s with %j is refused', (file, options, message) => {
    expect(() => openBytes(file, options)).toThrow(
      expect.objectContaining({ name: 'RangeError', message: expect.stringMatching(message) }),
    );
  });

  test('an averaged copy alone is not taken for the plain state dict', () => {
    const message = `wholeModule.pth: expected a state dict, got a dict of "ema" (somebody.models.Small), "epoch" (1); pass { part: 'ema' }.`;
    expect(() => openBytes('wholeModule.pth')).toThrow(new RangeError(message));
    expectTensors(openBytes('wholeModule.pth', { part: 'ema' }), 'wholeModule.pth');
  });
});

describe('unsupported files are named', () => {
  test.each([
    [
      'complex.pth',
      'complex.pth: fc.weight: expected real numbers, whole numbers or bool, got ComplexFloatStorage; convert it in PyTorch and save it anew.',
    ],
    [
      'quantised.pth',
      'quantised.pth: fc.weight: expected a dense tensor, got torch._utils._rebuild_qtensor; convert it in PyTorch.',
    ],
    [
      'sparse.pth',
      'sparse.pth: fc.weight: expected a dense tensor, got torch._utils._rebuild_sparse_tensor; convert it in PyTorch.',
    ],
    [
      'negative.pth',
      'negative.pth: fc.weight: expected a plain tensor, got a neg view; call resolve_conj().resolve_neg() before saving it.',
    ],
    [
      'script.pt',
      'script.pt: expected a state dict, got a TorchScript archive; in Python: torch.save(torch.jit.load(path).state_dict(), …).',
    ],
  ])('%s', (file, message) => {
    expect(() => openBytes(file)).toThrow(new RangeError(message));
  });

  test.each([
    ['an HDF5 file', [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]],
    ['a gzip archive', [0x1f, 0x8b, 8, 0]],
    ['a pickle that is not of torch.save', [0x80, 4, 0x95, 0, 0, 0, 0, 0, 0]],
  ])('%s', (name, bytes) => {
    const message = `w.bin: expected safetensors or a file of torch.save, got ${name}; in Python: torch.save(model.state_dict(), …).`;
    expect(() => openWeights(Uint8Array.from(bytes), { fileName: 'w.bin' })).toThrow(
      new RangeError(message),
    );
  });
});

const newDirectory = temporaryDirectories();
const of = (...values: number[]) =>
  ({ dtype: 'F32', shape: [values.length], data: Float32Array.from(values) }) as const;

/** Writes two shards and an index of them into a new directory. @returns The index. */
function shards(index: unknown, files: Record<string, Uint8Array> = {}): string {
  const directory = newDirectory();
  const all = {
    'one.safetensors': encodeSafetensors({ a: of(1), b: of(2, 3) }),
    'two.safetensors': encodeSafetensors({ c: of(4) }),
    ...files,
  };
  for (const [name, bytes] of Object.entries(all)) writeFileSync(path.join(directory, name), bytes);
  const file = path.join(directory, 'model.safetensors.index.json');
  writeFileSync(file, typeof index === 'string' ? index : JSON.stringify(index));
  return file;
}
const map = { a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' };

describe('shards', () => {
  test('are read as one, in the order of the index', async () => {
    const { fileName, entries, metadata } = await openFile(
      shards({ metadata: { total_size: 16 }, weight_map: map }),
    );
    expect([fileName, metadata]).toEqual(['model.safetensors.index.json', { total_size: '16' }]);
    expect(Object.entries(entries).map(([name, entry]) => [name, ...entry.read()])).toEqual([
      ['a', 1],
      ['b', 2, 3],
      ['c', 4],
    ]);
  });

  test('of PyTorch too, and through links, as the cache of the hub has them', async () => {
    const file = shards({ weight_map: { a: 'w.bin' } });
    mkdirSync(path.join(path.dirname(file), 'blobs'));
    const blob = path.join(path.dirname(file), 'blobs', '0a1b');
    writeFileSync(blob, encodeSafetensors({ a: of(7) }));
    symlinkSync(blob, path.join(path.dirname(file), 'w.bin'));
    expect([...((await openFile(file)).entries.a?.read() ?? [])]).toEqual([7]);
  });

  const index = 'model.safetensors.index.json';
  test.each([
    [
      { weight_map: { ...map, d: 'two.safetensors' } },
      `${index}: expected d in two.safetensors, as the weight_map says, got none; the files do not belong together.`,
    ],
    [
      { weight_map: { a: 'one.safetensors' } },
      `${index}: expected b in the weight_map, got it in one.safetensors; the files do not belong together.`,
    ],
    [
      { weight_map: { ...map, c: 'one.safetensors', d: 'two.safetensors' } },
      `${index}: expected c in one.safetensors, got it in two.safetensors; the files do not belong together.`,
    ],
    [
      { weight_map: { a: '../one.safetensors' } },
      `${index}: expected a file beside the index for a, got "../one.safetensors".`,
    ],
    [
      { weight_map: { a: '/etc/passwd' } },
      `${index}: expected a file beside the index for a, got "/etc/passwd".`,
    ],
    [{ weight_map: { a: 3 } }, `${index}: expected a file beside the index for a, got 3.`],
    [{ weight_map: {} }, `${index}: expected 1 to 1000 shards, got 0.`],
    [
      {},
      `${index}: expected an index of shards with a weight_map from names to files, got another file.`,
    ],
    ['{', `${index}: expected an index in JSON, got `],
  ])('%j is refused', async (content, message) => {
    await expect(openFile(shards(content))).rejects.toThrow(message);
  });

  test('one that is not there', async () => {
    await expect(openFile(shards({ weight_map: { a: 'three.safetensors' } }))).rejects.toThrow(
      /^three\.safetensors: expected a file that can be read, got ENOENT/,
    );
  });
});

describe('files', () => {
  test('a directory, and a missing file', async () => {
    await expect(openFile(newDirectory())).rejects.toThrow(
      /: expected a file, got something else\.$/,
    );
    await expect(openFile(path.join(newDirectory(), 'no.pth'))).rejects.toThrow(
      /^no\.pth: expected a file that can be read, got ENOENT/,
    );
  });

  test('one that changes between its listing and a read is refused', async () => {
    const file = path.join(newDirectory(), 'odd.pth');
    copyFileSync(pathOf('odd.pth'), file);
    const { entries } = await openFile(file);
    expect(entries.scalar?.read()).toEqual(Float32Array.of(2.25));
    truncateSync(file, 100);
    expect(() => entries.scalar?.read()).toThrow(
      new RangeError(
        'odd.pth: expected the file as it was when its header was read, got a changed one; read it again.',
      ),
    );
  });
});
