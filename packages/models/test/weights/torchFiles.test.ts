import { describe, expect, test } from 'vitest';
import { parseWeights } from '../../src/index.ts';
import { readWeights } from '../../src/node/index.ts';
import { bytesOf, expectTold, pathOf } from './checkpoints.ts';

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
    const parsed = parseWeights(bytesOf(file), file);
    expectTold(parsed, file);
    expectTold(await readWeights(pathOf(file)), file);
    expect([parsed.place, parsed.metadata.part, parsed.metadata.prefix]).toEqual([
      file,
      part,
      prefix,
    ]);
  });

  test('an entry says how the file holds it, and gives a new copy each time', () => {
    const { entries } = parseWeights(bytesOf('odd.pth'), 'odd.pth');
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

  test('what a safetensors file says of itself is kept', () => {
    expect(parseWeights(bytesOf('odd.safetensors'), 'odd.safetensors').metadata).toEqual({
      made: 'for a test',
    });
  });
});

describe('parts of a checkpoint', () => {
  test.each(['checkpoint.pth', 'checkpoint.legacy.pth'])(
    '%s: the averaged twin where it is asked for; the rest is told, not made',
    (file) => {
      expectTold(
        parseWeights(bytesOf(file), file, { part: 'state_dict_ema' }),
        file,
        'checkpoint.pth ema',
      );
      expect(parseWeights(bytesOf(file), file).metadata.else).toBe(
        'epoch: 3; arch: "small"; state_dict_ema: a dict of 8; optimizer: a dict of 2; args: argparse.Namespace; metric: a tensor',
      );
    },
  );

  test.each([
    [
      'checkpoint.pth',
      { part: 'model' },
      /^checkpoint\.pth: expected tensors under 'model', got a dict of "epoch" \(3\), .*; ask for \{ part: 'state_dict' \} or \{ part: 'state_dict_ema' \}\.$/,
    ],
    [
      'twoNetworks.pth',
      {},
      /^twoNetworks\.pth: expected one state dict, got several: student, teacher; ask for \{ part: 'student' \} or \{ part: 'teacher' \}\.$/,
    ],
    [
      'nothing.pth',
      {},
      /^nothing\.pth: expected a state dict, got a dict of "epoch" \(1\), "args" \(argparse\.Namespace\); in Python: torch\.save\(model\.state_dict\(\), …\)\.$/,
    ],
    [
      'odd.safetensors',
      { part: 'ema' },
      /^odd\.safetensors: expected no part to be asked for: a safetensors file has none, got ema\.$/,
    ],
  ])('%s with %j is refused', (file, options, message) => {
    expect(() => parseWeights(bytesOf(file), file, options)).toThrow(
      expect.objectContaining({ name: 'RangeError', message: expect.stringMatching(message) }),
    );
  });

  test('a twin alone is not taken for the plain one', () => {
    const message = `wholeModule.pth: expected a state dict, got a dict of "ema" (somebody.models.Small), "epoch" (1); ask for { part: 'ema' }.`;
    expect(() => parseWeights(bytesOf('wholeModule.pth'), 'wholeModule.pth')).toThrow(
      new RangeError(message),
    );
    expectTold(
      parseWeights(bytesOf('wholeModule.pth'), 'wholeModule.pth', { part: 'ema' }),
      'wholeModule.pth',
    );
  });
});

describe('what is not read is named', () => {
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
    expect(() => parseWeights(bytesOf(file), file)).toThrow(new RangeError(message));
  });

  test.each([
    ['an HDF5 file', [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]],
    ['a gzip archive', [0x1f, 0x8b, 8, 0]],
    ['a pickle that is not of torch.save', [0x80, 4, 0x95, 0, 0, 0, 0, 0, 0]],
  ])('%s', (name, bytes) => {
    const message = `w.bin: expected safetensors or a file of torch.save, got ${name}; in Python: torch.save(model.state_dict(), …).`;
    expect(() => parseWeights(Uint8Array.from(bytes), 'w.bin')).toThrow(new RangeError(message));
  });
});
