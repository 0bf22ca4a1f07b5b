import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsDtype,
  type SafetensorsTensor,
} from '@kd/files';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrays } from '../../src/formats/safetensors/dtypes.ts';

const dtypes = Object.keys(arrays) as SafetensorsDtype[];

const tensor: fc.Arbitrary<SafetensorsTensor> = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(4), { maxLength: 4 }) })
  .chain(({ dtype, shape }) => {
    const length =
      shape.reduce((product, side) => product * side, 1) * arrays[dtype].BYTES_PER_ELEMENT;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((bytes) => ({ dtype, shape, data: new arrays[dtype](bytes.slice().buffer) }));
  });

const name = fc
  .oneof(
    fc.string(),
    fc.constantFrom('__proto__', 'constructor', '0', 'conv.kernel', 'π “quoted” \\'),
  )
  .filter((text) => text !== '__metadata__');

const bytesOf = ({ data }: SafetensorsTensor): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

test('what goes in comes out, bit for bit', () => {
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
