import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PickledObject, type UnpicklerHost, unpickle } from '../src/formats/pickle/index.ts';
import { type ByteSource, byteSource } from '../src/index.ts';

const host: UnpicklerHost = {
  findClass: (name) => name,
  call: (callee, parameters) => new PickledObject(String(callee), parameters as unknown[]),
  build(target, state) {
    if (target instanceof PickledObject) target.state = state;
  },
};
const read = (bytes: Uint8Array, start = 0) => unpickle(byteSource(bytes), 'p', host, start);
const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/**
 * `pickle.dumps(v, protocol)` of Python 3.11 with v = {'i': [0, 255, 65535, -2, 2**31, 2**53,
 * -2**70], 'f': 1.5, 'n': None, 'b': (True, False), 't': 'é', 'y': b'\x00\xff', 's': {1}, 'l': [[],
 * {}], 'e': (), 'q': (1, 2, 3, 4)}.
 */
const dumped = {
  2: 'gAJ9cQAoWAEAAABpcQFdcQIoSwBL/03//0r+////igUAAACAAIoHAAAAAAAAIIoJAAAAAAAAAADAZVgBAAAAZnEDRz/4AAAAAAAAWAEAAABucQROWAEAAABicQWIiYZxBlgBAAAAdHEHWAIAAADDqXEIWAEAAAB5cQljX2NvZGVjcwplbmNvZGUKcQpYAwAAAADDv3ELWAYAAABsYXRpbjFxDIZxDVJxDlgBAAAAc3EPY19fYnVpbHRpbl9fCnNldApxEF1xEUsBYYVxElJxE1gBAAAAbHEUXXEVKF1xFn1xF2VYAQAAAGVxGClYAQAAAHFxGShLAUsCSwNLBHRxGnUu',
  3: 'gAN9cQAoWAEAAABpcQFdcQIoSwBL/03//0r+////igUAAACAAIoHAAAAAAAAIIoJAAAAAAAAAADAZVgBAAAAZnEDRz/4AAAAAAAAWAEAAABucQROWAEAAABicQWIiYZxBlgBAAAAdHEHWAIAAADDqXEIWAEAAAB5cQlDAgD/cQpYAQAAAHNxC2NidWlsdGlucwpzZXQKcQxdcQ1LAWGFcQ5ScQ9YAQAAAGxxEF1xEShdcRJ9cRNlWAEAAABlcRQpWAEAAABxcRUoSwFLAksDSwR0cRZ1Lg==',
  4: 'gASVigAAAAAAAAB9lCiMAWmUXZQoSwBL/03//0r+////igUAAACAAIoHAAAAAAAAIIoJAAAAAAAAAADAZYwBZpRHP/gAAAAAAACMAW6UTowBYpSIiYaUjAF0lIwCw6mUjAF5lEMCAP+UjAFzlI+UKEsBkIwBbJRdlChdlH2UZYwBZZQpjAFxlChLAUsCSwNLBHSUdS4=',
  5: 'gAWVigAAAAAAAAB9lCiMAWmUXZQoSwBL/03//0r+////igUAAACAAIoHAAAAAAAAIIoJAAAAAAAAAADAZYwBZpRHP/gAAAAAAACMAW6UTowBYpSIiYaUjAF0lIwCw6mUjAF5lEMCAP+UjAFzlI+UKEsBkIwBbJRdlChdlH2UZYwBZZQpjAFxlChLAUsCSwNLBHSUdS4=',
};
const whole = new Map(
  Object.entries(dumped).map(([protocol, text]) => [
    Number(protocol),
    new Uint8Array(Buffer.from(text, 'base64')),
  ]),
);

describe('unpickle', () => {
  test.each([2, 3, 4, 5])('reads what Python writes with protocol %i', (protocol) => {
    const pickle = whole.get(protocol) as Uint8Array;
    const { value, end } = read(pickle);
    const set =
      protocol < 4
        ? new PickledObject(protocol === 2 ? '__builtin__.set' : 'builtins.set', [[1]])
        : new Set([1]);
    const pair =
      protocol === 2
        ? new PickledObject('_codecs.encode', ['\0ÿ', 'latin1'])
        : Uint8Array.of(0, 255);
    expect(value).toEqual(
      new Map<string, unknown>([
        ['i', [0, 255, 65535, -2, 2 ** 31, 2n ** 53n, -(2n ** 70n)]],
        ['f', 1.5],
        ['n', null],
        ['b', [true, false]],
        ['t', 'é'],
        ['y', pair],
        ['s', set],
        ['l', [[], new Map()]],
        ['e', []],
        ['q', [1, 2, 3, 4]],
      ]),
    );
    expect(end).toBe(pickle.length);
  });

  test('several pickles in a row, and values longer than one block', () => {
    const long = 'x'.repeat(200_000);
    const length = String.fromCharCode(0x40, 0x0d, 3, 0);
    const both = bytes(`\x80\x02K\x05.\x80\x02X${length}${long}q\0h\0\x86.`);
    const first = read(both);
    expect(first).toEqual({ value: 5, end: 5 });
    expect(read(both, first.end)).toEqual({ value: [long, long], end: both.length });
  });

  test.each([
    ['ca.b\nC\n)R.', new PickledObject('a.b.C', [])],
    ['ca.b\nC\nK\x01\x85\x81.', new PickledObject('a.b.C', [1])],
    ['ca.b\nC\nK\x01\x85}\x92.', new PickledObject('a.b.C', [1])],
    ['(K\x01ia.b\nC\n.', new PickledObject('a.b.C', [1])],
    ['(ca.b\nC\nK\x01o.', new PickledObject('a.b.C', [1])],
    ['\x8c\x03a.b\x8c\x01C\x93)R.', new PickledObject('a.b.C', [])],
    ['ca\nC\n)R}b.', Object.assign(new PickledObject('a.C', []), { state: new Map() })],
    ['(K\x01K\x02d.', new Map([[1, 2]])],
    ['(K\x01K\x02l.', [1, 2]],
    ['K\x01K\x022\x860.', 1],
    ['N(K\x01K\x02K\x031.', null],
    ['\x8f(K\x01K\x02\x90.', new Set([1, 2])],
    ['(K\x01K\x01\x91.', new Set([1])],
    [']K\x01\x94a\x8f0h\0\x85.', [1]],
  ])('%j', (text, value) => {
    expect(read(bytes(text)).value).toEqual(value);
  });

  test('a dict that is an argument of a call has its items, whatever their names are', () => {
    const { value } = read(bytes('ca\nC\n)R(X\x09\0\0\0__proto__K\x01U\x01bK\x02u.'));
    expect([...(value as PickledObject).items]).toEqual([
      ['__proto__', 1],
      ['b', 2],
    ]);
  });

  test.each([
    ['\x80\x06N.', 'p: expected a pickle of protocol 2–5, got 6.'],
    [
      '\x82\x01.',
      'p: expected a pickle of data, got the opcode 0x82 at byte 0; it is refused, nothing was run.',
    ],
    [
      "S'a'\n.",
      "p: expected a pickle of data, got the opcode 'S' at byte 0; it is refused, nothing was run.",
    ],
    [
      'K\x01Q.',
      'p: expected a pickle that holds all it needs, got an id of something outside of it.',
    ],
    [
      'X\x02\0\0\0\xff\xfe.',
      'p: expected text in UTF-8 at byte 5, got other bytes; the file is damaged.',
    ],
    ['X\xff\xff\xff\xff.', 'p: expected 4294967295 bytes at byte 5, got 1; the file is cut short.'],
    ['B\xff\xff\xff\x7f.', 'p: expected 2147483647 bytes at byte 5, got 1; the file is cut short.'],
    [
      '\x8e\xff\xff\xff\xff\xff\xff\xff\xff.',
      'p: expected lengths within the file, got 18446744073709552000; the file is damaged.',
    ],
    ['\x8b\xff\xff\xff\x7f.', 'p: expected a whole number of at most 1024 bytes, got 2147483647.'],
    ['(.', 'p: expected a pickle with something on its stack, got none at byte 2.'],
    ['(\x85.', 'p: expected a pickle with 1 on its stack, got fewer at byte 2.'],
    ['t.', 'p: expected a pickle with a mark on its stack, got none at byte 1.'],
    ['j\x01\0\0\0.', 'p: expected a pickle that recalls what it has stored, got entry 1.'],
    ['}K\x01a.', 'p: expected a list to append to, got something else.'],
    [']K\x01K\x02s.', 'p: expected a dict and pairs to put into it, got something else.'],
    ['}(K\x01u.', 'p: expected a dict and pairs to put into it, got something else.'],
    ['K\x01K\x02\x93.', 'p: expected a name in text, at most 256 characters, got something else.'],
    [
      `c${'a'.repeat(300)}\nb\n.`,
      'p: expected a short name that ends with its line, got none; the file is cut short.',
    ],
  ])('refuses %j', (text, message) => {
    expect(() => read(bytes(text))).toThrow(
      expect.objectContaining({ name: 'RangeError', message }),
    );
  });

  test('too many objects and too many opcodes are refused before memory runs out', () => {
    const of = (opcode: string): ByteSource => ({
      length: 2 ** 30,
      fill: (target) => target.fill(opcode.charCodeAt(0)),
    });
    expect(() => unpickle(of(')'), 'p', host)).toThrow(
      new RangeError(
        'p: expected at most 1000000 objects in a pickle, got more; it is refused, nothing was run.',
      ),
    );
    expect(() => unpickle(of('N'), 'p', host)).toThrow(
      new RangeError(
        'p: expected a pickle of data, got more than 4000000 opcodes; it is refused, nothing was run.',
      ),
    );
  });

  test('lists in lists a million deep are read without recursion', () => {
    const deep = new Uint8Array(1_000_000).fill(0x5d);
    deep.fill(0x61, 500_000, 999_999);
    deep[999_999] = 0x2e;
    expect(read(deep).value).toBeInstanceOf(Array);
  });

  test('a pickle cut or altered anywhere is read or refused in one line', () => {
    const pickles = [...whole.values()];
    fc.assert(
      fc.property(
        fc.constantFrom(...pickles),
        fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (pickle, changes) => {
          const changed = pickle.slice();
          for (const [at, value] of changes) changed[at % changed.length] = value;
          try {
            read(changed);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
            expect((error as Error).message).toMatch(/^p: expected .*\.$/);
          }
        },
      ),
      { seed: 1, numRuns: 2000 },
    );
  });
});
