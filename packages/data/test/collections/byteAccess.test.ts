import { expect, test } from 'vitest';
import { streamAccess } from '../../src/node/collections/byteAccess.ts';

test('deflated content too large to keep is unpacked as it is read', async () => {
  const [pieceBytes, pieces] = [2 ** 20, 40];
  let [opened, unpacked] = [0, 0];
  async function* unpack() {
    opened++;
    for (let piece = 0; piece < pieces; piece++) {
      unpacked++;
      yield new Uint8Array(pieceBytes).fill(piece);
    }
  }
  const access = streamAccess(unpack, Number.POSITIVE_INFINITY, 'x');
  const pieceAt = async (from: number) => [...(await access.read(from - 1, from + 1))];
  expect(await pieceAt(20 * pieceBytes)).toEqual([19, 20]);
  expect([opened, unpacked]).toEqual([1, 21]);
  expect(await pieceAt(15 * pieceBytes)).toEqual([14, 15]);
  expect(await pieceAt(30 * pieceBytes)).toEqual([29, 30]);
  expect([opened, unpacked]).toEqual([1, 31]);
  const both = await Promise.all([pieceAt(2 * pieceBytes), pieceAt(pieceBytes)]);
  expect(both).toEqual([
    [1, 2],
    [0, 1],
  ]);
  expect([opened, unpacked]).toEqual([2, 34]);
  await expect(access.read(0, pieces * pieceBytes + 1)).rejects.toThrow(
    new RangeError('x: expected 41943041 bytes, got 41943040; the file is cut short.'),
  );
});
