import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PickledArray } from '../src/pickle/numpy.ts';
import { readArrays } from '../src/pickle/readArrays.ts';
import { pickledBatch, samplePictures } from './support/archives.ts';

const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

describe('readArrays', () => {
  test('reads a batch as Python 2 wrote it', () => {
    const batch = readArrays(
      new Uint8Array(pickledBatch(samplePictures(1), 1)),
      'data_batch_1',
    ) as Map<string, unknown>;
    expect([...batch.keys()]).toEqual(['batch_label', 'labels', 'data', 'filenames']);
    expect(batch.get('batch_label')).toEqual(Uint8Array.from(Buffer.from('training batch 1 of 5')));
    expect(batch.get('labels')).toEqual(samplePictures(1).map(({ label }) => label));
    const data = batch.get('data') as PickledArray;
    expect(data).toBeInstanceOf(PickledArray);
    expect([data.shape, data.bytes.length]).toEqual([[2, 3072], 6144]);
  });

  test.each([
    ['\x80\x02]q\x01(K\x01M\x01\x02J\xfe\xff\xff\xffNe.', [1, 513, -2, null]],
    ['\x80\x02K\x01K\x02\x86q\x01.', [1, 2]],
    ['\x80\x02]q\x01K\x05a.', [5]],
    ['\x80\x02}q\x01U\x01aK\x01s.', new Map([['a', 1]])],
    ['\x80\x02X\x02\x00\x00\x00\xc3\xa9q\x01h\x01\x86.', ['é', 'é']],
  ])('reads %j', (text, value) => {
    expect(readArrays(bytes(text), 'p')).toEqual(value);
  });

  const refused =
    'p: expected plain data: dicts, lists, numbers, strings and numpy uint8 arrays, got';
  test.each([
    [
      "cos\nsystem\n(S'ls'\ntR.",
      `${refused} the global 'os.system'; it is refused, nothing was run.`,
    ],
    [
      'c__builtin__\neval\n.',
      `${refused} the global '__builtin__.eval'; it is refused, nothing was run.`,
    ],
    ['\x80\x06K\x01.', 'p: expected a pickle of protocol 2–5, got 6.'],
    [
      '\x80\x02\x82\x01.',
      'p: expected a pickle of data, got the opcode 0x82 at byte 2; it is refused, nothing was run.',
    ],
    ['ios\nsystem\n', `${refused} the global 'os.system'; it is refused, nothing was run.`],
    ['\x80\x02U\x09ab', 'p: expected 9 bytes at byte 4, got 2; the file is cut short.'],
    ['\x80\x02T\xff\xff\xff\xff.', 'p: expected -1 bytes at byte 7, got 1; the file is cut short.'],
    ['K\x01', 'p: expected 1 bytes at byte 2, got 0; the file is cut short.'],
    ['.', 'p: expected a pickle with something on its stack, got none at byte 1.'],
    ['h\x05.', 'p: expected a pickle that recalls what it has stored, got entry 5.'],
    ['K\x01K\x02a.', 'p: expected a list to append to, got something else.'],
    ['cnumpy\ndtype\n(U\x02f4tR.', undefined],
    ['cnumpy\nndarray\n)R.', 'p: expected a numpy array to be made, got a call of numpy.ndarray.'],
  ])('refuses %j', (text, message) => {
    if (message === undefined) expect(readArrays(bytes(text), 'p')).toEqual({ code: 'f4' });
    else expect(() => readArrays(bytes(text), 'p')).toThrow(new RangeError(message));
  });

  test.each([
    ['u1', 'f4', 'p: expected a numpy array of uint8, got one of f4.'],
    ['\x89T', '\x88T', 'p: expected an array stored row by row, got one stored by columns.'],
    ['M\x00\x0c', 'M\x01\x0c', 'p: expected 6146 bytes for an array of shape [2, 3073], got 6144.'],
  ])('refuses an array with %j replaced by %j', (from, to, message) => {
    const text = Buffer.from(pickledBatch(samplePictures(1), 1)).toString('latin1');
    expect(() => readArrays(bytes(text.replace(from, to)), 'p')).toThrow(new RangeError(message));
  });

  test('a pickle cut or altered anywhere is refused or read, in one line, and never runs away', () => {
    const whole = pickledBatch(samplePictures(1), 1);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const changed = cut
          ? whole.slice(0, at)
          : Uint8Array.from(whole, (byte, place) => (place === at ? value : byte));
        try {
          readArrays(changed, 'p');
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          expect((error as Error).message).toMatch(/^p: expected .*\.$/);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
