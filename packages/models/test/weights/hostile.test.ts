/**
 * A file may come from anywhere: each of these is refused, with the file and the field in the
 * message, and nothing in it is run.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openWeights, type Weights } from '../../src/index.ts';
import { bytesOf } from './checkpointFixtures.ts';
import { joined, legacyFile, raw, tensorPickle, text, torchZip, zip } from './torchZip.ts';

const six = new Uint8Array(new Float32Array([0, 1, 2, 3, 4, 5]).buffer);
const parse = (bytes: Uint8Array): Weights => openWeights(bytes, { fileName: 'w.pth' });
const refuses = (bytes: Uint8Array, message: string): void => {
  expect(() => parse(bytes)).toThrow(
    expect.objectContaining({ name: 'RangeError', message: `w.pth${message}` }),
  );
};

test('the files of this test are read where nothing is wrong with them', () => {
  expect([...(parse(torchZip(tensorPickle({}), { 0: six })).entries.a?.read() ?? [])]).toEqual([
    0, 1, 2, 3, 4, 5,
  ]);
  const legacy = legacyFile(
    tensorPickle({}),
    '\x80\x02]X\x01\0\0\x000a.',
    joined([Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0), six]),
  );
  expect([...(parse(legacy).entries.a?.read() ?? [])]).toEqual([0, 1, 2, 3, 4, 5]);
});

describe('code in a pickle', () => {
  const refused = (name: string) =>
    `: expected data alone, got the function ${name}; it is refused, nothing was run: do not open this file elsewhere either.`;
  test.each([
    ['posix.system', `cposix\nsystem\n${text('touch x')}\x85R.`],
    ['os.system', `\x80\x04${text('os')}${text('system')}\x93${text('touch x')}\x85R.`],
    ['nt.system', `(${text('touch x')}int\nsystem\n.`],
    ['subprocess.Popen', `}${text('weights')}csubprocess\nPopen\n]${text('ls')}a\x85Rs.`],
    ['builtins.eval', `cbuiltins\neval\n${text('1')}\x85\x81.`],
    ['__builtin__.exec', `c__builtin__\nexec\n${text('1')}\x85}\x92.`],
    ['runpy._run_code', 'crunpy\n_run_code\n)R.'],
    ['importlib.import_module', `cimportlib\nimport_module\n${text('os')}\x85R.`],
  ])('%s', (name, pickle) => {
    refuses(torchZip(pickle), refused(name));
    refuses(legacyFile(pickle, '', new Uint8Array(0)), refused(name));
  });

  test('a call of an unknown function instead of a tensor', () => {
    const call = (callee: string) =>
      `}${text('fc')}c${callee}\n)Rs${text('a')}${tensorPickle({}).slice(3 + 6, -2)}s.`;
    const { entries, metadata } = parse(torchZip(call('some.module\nmake_weights'), { 0: six }));
    expect([Object.keys(entries), metadata.else]).toEqual([['a'], 'fc: some.module.make_weights']);
    refuses(
      torchZip(call('torch._utils\n_rebuild_new'), { 0: six }),
      ': fc: expected a dense tensor, got torch._utils._rebuild_new; convert it in PyTorch.',
    );
  });

  test('a value is called, a storage has no key, an attribute is set on a number', () => {
    refuses(
      torchZip('K\x01)R.'),
      ': expected a pickle whose calls have a name and arguments, got another call.',
    );
    refuses(torchZip('K\x01Q.'), ': expected a storage outside of the pickle, got another id.');
    refuses(
      torchZip('(K\x01K\x02K\x03K\x04K\x05tQ.'),
      ': expected a storage outside of the pickle: its type, key and length, got another id.',
    );
    refuses(
      torchZip('K\x01}b.'),
      ': expected a state dict, got 1; in Python: torch.save(model.state_dict(), …).',
    );
  });

  test('names of Object.prototype are names as any other', () => {
    const { entries } = parse(torchZip(tensorPickle({ name: '__proto__' }), { 0: six }));
    expect([Object.keys(entries), entries.toString, Object.getPrototypeOf(entries)]).toEqual([
      ['__proto__'],
      undefined,
      null,
    ]);
    expect(() => parse(torchZip(tensorPickle({ type: 'constructor' }), { 0: six }))).toThrow(
      'got constructor',
    );
  });

  test('dicts and modules that hold themselves end', () => {
    refuses(
      torchZip(`}q\0${text('me')}h\0s.`),
      ': expected a state dict, got a dict of "me" (a dict of 1); in Python: torch.save(model.state_dict(), …).',
    );
    const parts = ['_parameters', '_buffers', '_modules'].map((name) => `${text(name)}}`);
    const module = `csome\nModule\n)\x81q\0}(${parts.join('')}q\x01uh\x01${text('me')}h\0s0b.`;
    expect(() => parse(torchZip(module))).toThrow(RangeError);
  });
});

describe('a short pickle that asks for much', () => {
  const many = `](${'N'.repeat(100_000)}eq\0`;
  test.each(['ccollections\nOrderedDict\n', 'cbuiltins\nset\n'])(
    '%j of the same long list, again and again',
    (callee) => {
      const calls = `${callee}q\x01${'h\x01h\0\x85R'.repeat(20)}`;
      refuses(
        torchZip(`${many}${calls}.`),
        ': expected at most 1000000 items in dicts and sets made of lists, got more; it is refused, nothing was run.',
      );
    },
  );

  test('dicts within dicts, each a thousand times the same', () => {
    const keys = Array.from({ length: 1000 }, (_, key) => text(`k${key}`));
    const level = (inner: string) => `}(${keys.map((key) => key + inner).join('')}u`;
    const memo = (at: number, inner: string) => `${level(inner)}q${String.fromCharCode(at)}0`;
    const pickle = `${memo(0, 'N')}${memo(1, 'h\0')}${memo(2, 'h\x01')}${memo(3, 'h\x02')}${level('h\x03')}.`;
    const start = performance.now();
    expect(() => parse(torchZip(pickle))).toThrow(
      /^w\.pth: expected a state dict, got a dict of "k0" \(a dict of 1000\)/,
    );
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test('modules within modules, each twice the same', () => {
    const parts = ['_parameters', '_buffers'].map((name) => `${text(name)}}`).join('');
    const module = (inner: string, at: number) =>
      `csome\nModule\n)\x81}(${parts}${text('_modules')}}(${inner}uubq${String.fromCharCode(at)}0`;
    const modules = Array.from({ length: 60 }, (_, at) =>
      module(
        at === 0
          ? ''
          : `${text('a')}h${String.fromCharCode(at - 1)}${text('b')}h${String.fromCharCode(at - 1)}`,
        at,
      ),
    );
    refuses(
      torchZip(`${modules.join('')}h;.`),
      ': expected a state dict, got some.Module; in Python: torch.save(model.state_dict(), …).',
    );
  });
});

describe('tensors that do not lie in their storage', () => {
  const big = 'J\xff\xff\xff\x7f';
  test.each([
    [{ offset: 'K\x01' }, ': a: expected a view of 6 numbers, got [6] with strides [1] from 1.'],
    [
      { strides: 'K\x02\x85' },
      ': a: expected a view of 6 numbers, got [6] with strides [2] from 0.',
    ],
    [
      { offset: 'J\xff\xff\xff\xff' },
      ': a: expected an offset in its storage, a whole number ≥ 0, got -1.',
    ],
    [{ strides: 'J\xff\xff\xff\xff\x85' }, ': a: expected 1 strides, whole numbers ≥ 0, got [-1].'],
    [
      { shape: 'J\xff\xff\xff\xff\x85' },
      ': a: expected a shape of at most 64 whole numbers ≥ 0, got [-1].',
    ],
    [
      { shape: `(${'K\x01'.repeat(65)}t` },
      ': a: expected a shape of at most 64 whole numbers ≥ 0, got something else.',
    ],
    [{ shape: 'K\x02K\x03\x86' }, ': a: expected 2 strides, whole numbers ≥ 0, got [1].'],
    [{ shape: 'N' }, ': a: expected a shape of at most 64 whole numbers ≥ 0, got something else.'],
    [
      { shape: `${big}${big}\x86`, strides: 'K\0K\0\x86' },
      ': a: expected at most 16777216 numbers of an expanded tensor, got 4611686014132420600; save it with .contiguous().',
    ],
    [
      { shape: `${big}\x85` },
      ': a: expected a view of 6 numbers, got [2147483647] with strides [1] from 0.',
    ],
    [{ length: 'K\x07' }, ': a: expected storage 0 of 28 bytes, got 24; the file is damaged.'],
    [
      { length: 'J\xff\xff\xff\xff' },
      ': expected a storage outside of the pickle: its type, key and length, got another id.',
    ],
    [{ key: '1' }, ': a: expected storage 1 of 24 bytes, got nothing; the file is damaged.'],
    [
      { key: '../data.pkl' },
      ': a: expected storage ../data.pkl of 24 bytes, got nothing; the file is damaged.',
    ],
    [
      { type: 'DoubleStorage' },
      ': a: expected storage 0 of 48 bytes, got 24; the file is damaged.',
    ],
  ])('%j', (change, message) => {
    refuses(torchZip(tensorPickle(change), { 0: six }), message);
  });

  test.each([
    [
      'K\x06',
      '\x80\x02]X\x01\0\0\x000a.',
      [7, 24],
      ': expected 6 numbers in storage 0, got 7; the file is damaged.',
    ],
    [
      'K\x06',
      '\x80\x02]X\x01\0\0\x000a.',
      [6, 20],
      ': expected 24 bytes of storage 0, got 20; the file is cut short.',
    ],
    [
      'K\x06',
      '\x80\x02]X\x01\0\0\x000a.',
      [],
      /^: expected storage 0 at byte \d+, got \d+ bytes in all; the file is cut short\.$/,
    ],
    [
      'K\x06',
      '\x80\x02]X\x01\0\0\x001a.',
      [6, 24],
      ": expected each storage's key once, as the pickle has it, got another key.",
    ],
    [
      'K\x06',
      '\x80\x02](X\x01\0\0\x000X\x01\0\0\x000e.',
      [6, 24],
      ": expected each storage's key once, as the pickle has it, got another key.",
    ],
    [
      'K\x06',
      '\x80\x02K\x01.',
      [6, 24],
      ": expected a list of storages' keys after the pickle, got something else; the file is damaged.",
    ],
    [
      'K\x06',
      '\x80\x02].',
      [],
      ': a: expected storage 0 of 24 bytes, got nothing; the file is damaged.',
    ],
  ])('legacy, %j %j %j', (length, keys, [count, size], message) => {
    const data =
      count === undefined
        ? new Uint8Array(0)
        : joined([Uint8Array.of(count, 0, 0, 0, 0, 0, 0, 0), six.subarray(0, size)]);
    const expected =
      typeof message === 'string'
        ? `w.pth${message}`
        : expect.stringMatching(new RegExp(message.source.replace('^', '^w\\.pth')));
    expect(() => parse(legacyFile(tensorPickle({ length }), keys, data))).toThrow(
      expect.objectContaining({ name: 'RangeError', message: expected }),
    );
  });

  test('a legacy file of another byte order or protocol', () => {
    const file = Buffer.from(legacyFile(tensorPickle({}), '', six)).toString('latin1');
    refuses(
      raw(file.replace('little_endian\x88', 'little_endian\x89')),
      ': expected little-endian values (little_endian True), got others; save it anew on another machine.',
    );
    refuses(
      raw(file.replace('M\xe9\x03', 'M\xea\x03')),
      ': expected protocol 1001 of torch.save, got 1002.',
    );
  });
});

describe('a file cut or altered anywhere is read or refused in one line', () => {
  test.each([
    'odd.pth',
    'odd.legacy.pth',
    'odd.safetensors',
    'checkpoint.pth',
    'wholeModule.pth',
    'protocol4.pth',
  ])('%s', (file) => {
    const whole = bytesOf(file);
    fc.assert(
      fc.property(
        fc.nat(whole.length),
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 3 }),
        fc.boolean(),
        (length, changes, cut) => {
          const changed = cut ? whole.slice(0, length) : whole.slice();
          for (const [at, value] of changed.length > 0 ? changes : [])
            changed[at % changed.length] = value;
          try {
            for (const entry of Object.values(parse(changed).entries)) {
              const numbers = entry.read();
              expect(numbers.length).toBe(entry.shape.reduce((product, side) => product * side, 1));
              expect(numbers.length).toBeLessThanOrEqual(2 ** 24);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
            expect((error as Error).message).toMatch(/^w\.pth: .*expected .*\.$/s);
          }
        },
      ),
      { seed: 1, numRuns: 700 },
    );
  });
});

describe('archives that torch.save would not write', () => {
  const pickle = { name: 'w/data.pkl', bytes: raw(tensorPickle({})) };
  const data = { name: 'w/data/0', bytes: six };

  test.each([
    [
      'no pickle',
      zip([data]),
      ': expected a zip archive of torch.save, with one data.pkl, got 0 of them.',
    ],
    [
      'two pickles',
      zip([pickle, { ...pickle, name: 'v/data.pkl' }]),
      ': expected a zip archive of torch.save, with one data.pkl, got 2 of them.',
    ],
    [
      'another size than the storage',
      zip([pickle, { ...data, size: 20 }]),
      ': a: expected storage 0 of 24 bytes, got 20; the file is damaged.',
    ],
    [
      'high bytes first',
      zip([pickle, { name: 'w/byteorder', bytes: raw('big') }, data]),
      ': expected little-endian values (byteorder little), got "big"; save it anew on another machine.',
    ],
    [
      'a pickle that runs on',
      torchZip('X\x10\0\0\0ab'),
      /^: expected 16 bytes at byte \d+, got 2; the file is cut short\.$/,
    ],
  ])('%s', (_, bytes, message) => {
    const expected =
      typeof message === 'string'
        ? `w.pth${message}`
        : expect.stringMatching(new RegExp(message.source.replace('^', '^w\\.pth')));
    expect(() => parse(bytes)).toThrow(
      expect.objectContaining({ name: 'RangeError', message: expected }),
    );
  });

  test('numbers of an archive with zip64 sizes and positions', () => {
    const { entries } = parse(zip([pickle, { ...data, wide: true }]));
    expect([...(entries.a?.read() ?? [])]).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
