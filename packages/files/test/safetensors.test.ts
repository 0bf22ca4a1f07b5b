import fc from 'fast-check';
import { expect, test } from 'vitest';
import { safetensorsArrays } from '../src/formats/safetensors.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsDtype,
  type SafetensorsTensor,
} from '../src/index.ts';

const dtypes = Object.keys(safetensorsArrays) as SafetensorsDtype[];

const tensor: fc.Arbitrary<SafetensorsTensor> = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(4), { maxLength: 4 }) })
  .chain(({ dtype, shape }) => {
    const length =
      shape.reduce((product, side) => product * side, 1) *
      safetensorsArrays[dtype].BYTES_PER_ELEMENT;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((bytes) => ({ dtype, shape, data: new safetensorsArrays[dtype](bytes.slice().buffer) }));
  });

const name = fc
  .oneof(
    fc.string(),
    fc.constantFrom('__proto__', 'constructor', '0', 'conv.kernel', 'π “quoted” \\'),
  )
  .filter((text) => text !== '__metadata__');

const bytesOf = ({ data }: SafetensorsTensor): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

test('a round trip is exact to the last bit', () => {
  const entries = <Value>(value: fc.Arbitrary<Value>) =>
    fc.uniqueArray(fc.tuple(name, value), { maxLength: 6, selector: ([key]) => key });
  fc.assert(
    fc.property(entries(tensor), entries(fc.string()), (tensors, metadata) => {
      const decoded = decodeSafetensors(
        encodeSafetensors(Object.fromEntries(tensors), Object.fromEntries(metadata)),
        'round trip',
      );
      expect(Object.keys(decoded.tensors).sort()).toEqual(tensors.map(([key]) => key).sort());
      for (const [key, wanted] of tensors) {
        const got = decoded.tensors[key] as SafetensorsTensor;
        expect([got.dtype, got.shape, got.data.constructor]).toEqual([
          wanted.dtype,
          wanted.shape,
          wanted.data.constructor,
        ]);
        expect(bytesOf(got)).toEqual(bytesOf(wanted));
      }
      expect(Object.entries(decoded.metadata).sort()).toEqual([...metadata].sort());
    }),
    { numRuns: 200 },
  );
});

test('the bytes are those of the format', () => {
  const file = encodeSafetensors(
    { a: { dtype: 'F32', shape: [2], data: Float32Array.of(1, -2) } },
    { by: 'kd' },
  );
  const header =
    '{"__metadata__":{"by":"kd"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
  const wanted = [
    padded.length,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    ...new TextEncoder().encode(padded),
    0,
    0,
    0x80,
    0x3f,
    0,
    0,
    0,
    0xc0,
  ];
  expect([...file]).toEqual(wanted);
});

test('every tensor is aligned to its own type, wide ones first', () => {
  const file = encodeSafetensors({
    bytes: { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) },
    half: { dtype: 'BF16', shape: [1], data: Uint16Array.of(0x3f80) },
    wide: { dtype: 'I64', shape: [1], data: BigInt64Array.of(-1n) },
    b: { dtype: 'F32', shape: [], data: Float32Array.of(5) },
    a: { dtype: 'I32', shape: [1, 1], data: Int32Array.of(7) },
  });
  const headerLength = Number(new DataView(file.buffer).getBigUint64(0, true));
  expect(headerLength % 8).toBe(0);
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerLength))) as Record<
    string,
    { data_offsets: number[] }
  >;
  const offsets = Object.entries(header).map(([key, entry]) => [key, ...entry.data_offsets]);
  expect(offsets).toEqual([
    ['wide', 0, 8],
    ['a', 8, 12],
    ['b', 12, 16],
    ['half', 16, 18],
    ['bytes', 18, 21],
  ]);
});

test('decoding reads at any offset of a larger buffer and copies', () => {
  const file = encodeSafetensors({
    a: { dtype: 'F64', shape: [1], data: Float64Array.of(Math.PI) },
  });
  const larger = new Uint8Array(file.length + 3);
  larger.set(file, 3);
  const { tensors } = decodeSafetensors(larger.subarray(3), 'moved');
  larger.fill(0);
  expect([...(tensors.a as SafetensorsTensor).data]).toEqual([Math.PI]);
});

test('data that is part of a larger buffer is written alone', () => {
  const part = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  const { tensors } = decodeSafetensors(
    encodeSafetensors({ part: { dtype: 'F32', shape: [2], data: part } }),
    'part',
  );
  expect([...(tensors.part as SafetensorsTensor).data]).toEqual([2, 3]);
});

const refusals: [string, () => unknown][] = [
  [
    'encodeSafetensors: expected 6 numbers for a of shape [2, 3], got 5.',
    () => encodeSafetensors({ a: { dtype: 'F32', shape: [2, 3], data: new Float32Array(5) } }),
  ],
  [
    'encodeSafetensors: expected data of a (F32) in Float32Array, got Int32Array.',
    () => encodeSafetensors({ a: { dtype: 'F32', shape: [1], data: new Int32Array(1) } }),
  ],
  [
    'encodeSafetensors: expected shape of a to be whole numbers ≥ 0, got [-1].',
    () => encodeSafetensors({ a: { dtype: 'U8', shape: [-1], data: new Uint8Array(1) } }),
  ],
  [
    'encodeSafetensors: expected tensor names other than __metadata__, got __metadata__.',
    () => encodeSafetensors({ __metadata__: { dtype: 'U8', shape: [1], data: new Uint8Array(1) } }),
  ],
  [
    'encodeSafetensors: expected dtype of a to be one of F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, got toString.',
    () =>
      encodeSafetensors({ a: { dtype: 'toString' as 'U8', shape: [1], data: new Uint8Array(1) } }),
  ],
  [
    'encodeSafetensors: expected a string for metadata epoch, got 3.',
    () => encodeSafetensors({}, { epoch: 3 as unknown as string }),
  ],
];

test.each(refusals)('%s', (message, run) => {
  expect(run).toThrow(new RangeError(message));
});

/**
 * A file may come from anywhere: each of these is refused with the file and the field in the
 * message.
 */

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

const dtypeNames =
  'F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL';

const hostileFiles: [string, Uint8Array][] = [
  [
    'x: expected a safetensors file: 8 bytes of header length first, got 0 bytes.',
    new Uint8Array(0),
  ],
  [
    'x: expected a safetensors file: 8 bytes of header length first, got 7 bytes.',
    new Uint8Array(7),
  ],
  [
    'x: expected a header of 3 bytes, as the file has it, got 2; the file is cut short.',
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
    `x: expected dtype of a to be one of ${dtypeNames}, got C64.`,
    file({ a: entry(0, 8, [1], 'C64') }, 8),
  ],
  [
    `x: expected dtype of a to be one of ${dtypeNames}, got F31.`,
    file({ a: entry(0, 4, [1], 'F31') }, 4),
  ],
  [
    `x: expected dtype of a to be one of ${dtypeNames}, got constructor.`,
    file({ a: entry(0, 4, [1], 'constructor') }, 4),
  ],
  [
    `x: expected dtype of a to be one of ${dtypeNames}, got nothing.`,
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
  ['x: expected 2 bytes of data, as the header has it, got 5.', file({ a: entry(0, 2) }, 5)],
  ['x: expected 0 bytes of data, as the header has it, got 4096.', file({}, 4096)],
  [
    'x: expected __metadata__ to be an object of strings, got a list.',
    file({ __metadata__: [] }, 0),
  ],
  [
    'x: expected __metadata__.epoch to be a string, got a number.',
    file({ __metadata__: { epoch: 3 } }, 0),
  ],
];

test.each(hostileFiles)('%s', (message, bytes) => {
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

test('names of Object.prototype are like any others', () => {
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

test('a value that looks like a name is no repeated name', () => {
  const header = `{"__metadata__":{"a":"a","b":"a\\": "},"a":${JSON.stringify(entry(0, 1))}}`;
  expect(decodeSafetensors(file(header, 1), 'x').metadata.b).toBe('a": ');
});

test('a cut or changed file is refused with a RangeError or read', () => {
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
