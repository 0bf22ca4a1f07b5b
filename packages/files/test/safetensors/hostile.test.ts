/**
 * A file may come from anywhere: each of these is refused with the file and the field in the
 * message.
 */

import { decodeSafetensors, encodeSafetensors } from '@kd/files';
import fc from 'fast-check';
import { expect, test } from 'vitest';

/** A file with this header, as text or as an object, and so many zeros of data. */
function file(header: unknown, dataLength: number, declared?: bigint): Uint8Array {
  const text = new TextEncoder().encode(
    typeof header === 'string' ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + text.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, declared ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (
  begin: number,
  end: number,
  shape: unknown = [end - begin],
  dtype: unknown = 'U8',
): object => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

const dtypes = 'F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL';

const refusals: [string, Uint8Array][] = [
  [
    'x: expected a safetensors file: 8 bytes of header length first, got 0 bytes.',
    new Uint8Array(0),
  ],
  [
    'x: expected a safetensors file: 8 bytes of header length first, got 7 bytes.',
    new Uint8Array(7),
  ],
  [
    'x: expected a header of 3 bytes, as the file says, got 2; the file is cut short.',
    file('{}', 0, 3n),
  ],
  [
    'x: expected a header of at most 100000000 bytes, got 18446744073709551615; this may not be a safetensors file.',
    file('{}', 0, 2n ** 64n - 1n),
  ],
  [
    'x: expected a header of at most 100000000 bytes, got 100000001; this may not be a safetensors file.',
    file('{}', 0, 100_000_001n),
  ],
  [
    'x: expected a header that starts with {, got "[]"; this may not be a safetensors file.',
    file('[]', 0),
  ],
  [
    'x: expected a header that starts with {, got ""; this may not be a safetensors file.',
    file('', 0),
  ],
  ['x: expected an object for a, got a number.', file({ a: 3 }, 0)],
  ['x: expected an object for a, got null.', file({ a: null }, 0)],
  ['x: expected an object for a, got a list.', file({ a: [] }, 0)],
  [
    'x: expected every name of the header once, got a twice.',
    file(
      `{"a":${JSON.stringify(entry(0, 1))},"a"${' '.repeat(200)}:${JSON.stringify(entry(0, 1))}}`,
      1,
    ),
  ],
  [
    'x: expected every name of the header once, got a twice.',
    file(`{"a":${JSON.stringify(entry(0, 1))},"\\u0061":${JSON.stringify(entry(1, 2))}}`, 2),
  ],
  [
    'x: expected every name of the header once, got dtype twice.',
    file('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1),
  ],
  [
    'x: expected dtype, shape and data_offsets for a, got extra.',
    file({ a: { ...entry(0, 1), extra: 1 } }, 1),
  ],
  [
    `x: expected dtype of a to be one of ${dtypes}, got C64.`,
    file({ a: entry(0, 8, [1], 'C64') }, 8),
  ],
  [
    `x: expected dtype of a to be one of ${dtypes}, got F31.`,
    file({ a: entry(0, 4, [1], 'F31') }, 4),
  ],
  [
    `x: expected dtype of a to be one of ${dtypes}, got constructor.`,
    file({ a: entry(0, 4, [1], 'constructor') }, 4),
  ],
  [
    `x: expected dtype of a to be one of ${dtypes}, got nothing.`,
    file({ a: { shape: [1], data_offsets: [0, 4] } }, 4),
  ],
  ['x: expected shape of a to be whole numbers ≥ 0, got [-1].', file({ a: entry(0, 1, [-1]) }, 1)],
  [
    'x: expected shape of a to be whole numbers ≥ 0, got [1.5].',
    file({ a: entry(0, 1, [1.5]) }, 1),
  ],
  ['x: expected shape of a to be whole numbers ≥ 0, got 1.', file({ a: entry(0, 1, '1') }, 1)],
  [
    'x: expected shape of a to be whole numbers ≥ 0, got [1e+300].',
    file('{"a":{"dtype":"U8","shape":[1e300],"data_offsets":[0,1]}}', 1),
  ],
  [
    'x: expected data_offsets of a to be two whole numbers ≥ 0, got [0].',
    file({ a: { ...entry(0, 1), data_offsets: [0] } }, 1),
  ],
  [
    'x: expected data_offsets of a to be two whole numbers ≥ 0, got [-1, 0].',
    file({ a: entry(-1, 0) }, 1),
  ],
  [
    'x: expected data_offsets of a in order and within 2 bytes of data, got [2, 1].',
    file({ a: entry(2, 1, [0]) }, 2),
  ],
  [
    'x: expected data_offsets of a in order and within 2 bytes of data, got [0, 3].',
    file({ a: entry(0, 3) }, 2),
  ],
  [
    'x: expected data_offsets of a to hold 8 bytes (F32 [2]), got 4.',
    file({ a: entry(0, 4, [2], 'F32') }, 4),
  ],
  [
    'x: expected data_offsets of a to hold 18446744073709552000 bytes (U8 [4294967296, 4294967296]), got 0.',
    file({ a: entry(0, 0, [2 ** 32, 2 ** 32]) }, 0),
  ],
  [
    'x: expected data_offsets of b to begin at 3, where the tensor before ends, got 2.',
    file({ a: entry(0, 3), b: entry(2, 4) }, 4),
  ],
  [
    'x: expected data_offsets of b to begin at 2, where the tensor before ends, got 3.',
    file({ a: entry(0, 2), b: entry(3, 4) }, 4),
  ],
  [
    'x: expected data_offsets of b to begin at 2, where the tensor before ends, got 0.',
    file({ a: entry(0, 2), b: entry(0, 2) }, 2),
  ],
  [
    'x: expected data_offsets of a to begin at 0, where the tensor before ends, got 1.',
    file({ a: entry(1, 2) }, 2),
  ],
  ['x: expected 2 bytes of data, as the header says, got 5.', file({ a: entry(0, 2) }, 5)],
  ['x: expected 0 bytes of data, as the header says, got 4096.', file({}, 4096)],
  [
    'x: expected __metadata__ to be an object of strings, got a list.',
    file({ __metadata__: [] }, 0),
  ],
  [
    'x: expected __metadata__.epoch to be a string, got a number.',
    file({ __metadata__: { epoch: 3 } }, 0),
  ],
];

test.each(refusals)('%s', (message, bytes) => {
  expect(() => decodeSafetensors(bytes, 'x')).toThrow(new RangeError(message));
});

test('a header that is not JSON or not UTF-8 keeps the cause', () => {
  const refusalOf = (bytes: Uint8Array): Error => {
    try {
      decodeSafetensors(bytes, 'last.safetensors');
    } catch (error) {
      return error as Error;
    }
    throw new Error('nothing was refused');
  };
  const broken = refusalOf(file('{"a":', 0));
  expect(broken.message).toMatch(
    /^last\.safetensors: expected a header in JSON, got Unexpected end of JSON input/,
  );
  expect(broken.cause).toBeInstanceOf(SyntaxError);
  const latin = file('{"a"}', 0);
  latin[9] = 0xe9;
  expect(refusalOf(latin).message).toBe(
    'last.safetensors: expected a header in UTF-8, got other bytes; this may not be a safetensors file.',
  );
  expect(refusalOf(latin).cause).toBeInstanceOf(TypeError);
});

test('names of Object.prototype are names as any other', () => {
  const header = `{"__metadata__":{"__proto__":"m"},"__proto__":${JSON.stringify(entry(0, 1))},"constructor":${JSON.stringify(entry(1, 2))}}`;
  const { tensors, metadata } = decodeSafetensors(file(header, 2), 'x');
  expect(Object.keys(tensors)).toEqual(['__proto__', 'constructor']);
  expect(Object.keys(metadata)).toEqual(['__proto__']);
  expect(tensors.toString).toBeUndefined();
  expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  expect(() =>
    decodeSafetensors(
      file('{"a":{"__proto__":{"dtype":"U8"},"shape":[0],"data_offsets":[0,0]}}', 0),
      'x',
    ),
  ).toThrow(new RangeError('x: expected dtype, shape and data_offsets for a, got __proto__.'));
});

test('a name that looks like a value is no second name', () => {
  const header = `{"__metadata__":{"a":"a","b":"a\\": "},"a":${JSON.stringify(entry(0, 1))}}`;
  expect(decodeSafetensors(file(header, 1), 'x').metadata.b).toBe('a": ');
});

test('a cut or changed file is refused with a RangeError or read, and nothing else happens', () => {
  const whole = encodeSafetensors(
    {
      'conv.kernel': { dtype: 'F32', shape: [2, 3], data: new Float32Array(6) },
      label: { dtype: 'U8', shape: [5], data: new Uint8Array(5) },
    },
    { epoch: '3' },
  );
  for (let length = 0; length < whole.length; length++)
    expect(() => decodeSafetensors(whole.subarray(0, length), 'x')).toThrow(RangeError);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
      const changed = whole.slice();
      changed[at] = value;
      try {
        decodeSafetensors(changed, 'x');
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        expect((error as Error).message).toMatch(/^x: expected /);
      }
    }),
    { numRuns: 500 },
  );
});
