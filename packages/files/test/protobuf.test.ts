import { expect, test } from 'vitest';
import { encodeProtobuf, protobufFields } from '../src/index.ts';

const read = (bytes: Uint8Array) => [...protobufFields(bytes, 'a.onnx', 'an ONNX file')];

test('a message is encoded as the specification has it', () => {
  // https://protobuf.dev/programming-guides/encoding/: 150 in field 1, "testing" in field 2, and a
  // message with 150 in field 3.
  const bytes = encodeProtobuf([
    [1, 150],
    [2, 'testing'],
    [3, [[1, 150]]],
  ]);
  const hex = '089601120774657374696e671a03089601';
  expect(Buffer.from(bytes).toString('hex')).toBe(hex);
  expect(encodeProtobuf([[3, Uint8Array.of(0x08, 0x96, 0x01)]])).toEqual(
    encodeProtobuf([[3, [[1, 150]]]]),
  );
});

test("negative numbers have the 64 bits of their two's complement, floats four bytes", () => {
  // −2 as the specification has it; 1 − 2⁵³ as protobuf 7.36 writes it; 1.5 is 0x3fc00000.
  const bytes = encodeProtobuf([
    [1, -2],
    [2, { float: 1.5 }],
    [3, -(2 ** 53 - 1)],
  ]);
  const fields = ['08feffffffffffffffff01', '150000c03f', '1881808080808080f0ff01'];
  expect(Buffer.from(bytes).toString('hex')).toBe(fields.join(''));
});

test('a message inside a message inside another has the length of all it holds', () => {
  const weights = new Uint8Array(1_000_000).fill(7);
  const bytes = encodeProtobuf([[7, [[5, [[9, weights]]]]]]);
  const [graph] = read(bytes);
  const [tensor] = read(graph?.value as Uint8Array);
  const [raw] = read(tensor?.value as Uint8Array);
  expect(raw).toEqual({ number: 9, value: weights });
  expect(bytes.length).toBe(weights.length + 3 * 4);
});

test('fields come back in order, fixed values are skipped', () => {
  const large = 2 ** 53 - 1;
  const bytes = Uint8Array.of(
    ...encodeProtobuf([
      [1, large],
      [500, 'text'],
    ]),
    ...[0x19, 1, 2, 3, 4, 5, 6, 7, 8],
    ...[0x25, 1, 2, 3, 4],
    ...encodeProtobuf([[7, 0]]),
  );
  expect(read(bytes)).toEqual([
    { number: 1, value: large },
    { number: 500, value: new TextEncoder().encode('text') },
    { number: 3, value: undefined },
    { number: 4, value: undefined },
    { number: 7, value: 0 },
  ]);
  expect(read(new Uint8Array(0))).toEqual([]);
});

test.each<[string, readonly number[], string]>([
  [
    'ends within a number',
    [0x08, 0x96],
    'an ONNX file, got one that ends within a number; it is another kind of file, or cut short.',
  ],
  [
    'has an endless number',
    [0x08, ...Array<number>(10).fill(0xff), 1],
    'an ONNX file, got a number of more than 10 bytes; it is another kind of file, or damaged.',
  ],
  ['ends within a field', [0x12, 9, 1], '9 bytes in a field, got 1; the file is cut short.'],
  ['ends within a fixed value', [0x19, 1], '8 bytes in a field, got 1; the file is cut short.'],
  [
    'has a group',
    [0x0b],
    'an ONNX file, got a field of wire type 3; it is another kind of file, or damaged.',
  ],
])('a message that %s is refused', (_, bytes, message) => {
  expect(() => read(Uint8Array.from(bytes))).toThrow(new RangeError(`a.onnx: expected ${message}`));
});
