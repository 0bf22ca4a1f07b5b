import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { packTar } from 'modern-tar';
import { describe, expect, test } from 'vitest';
import { readCifar10 } from '../src/index.ts';
import { PickledArray, readArrays } from '../src/numpyPickle.ts';
import {
  binaryFiles,
  interleaved,
  npmFiles,
  pickledBatch,
  pythonFiles,
  sampleImages,
  tarGz,
} from './support/archives.ts';
import { allPixels } from './support/datasets.ts';

const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

describe('readArrays', () => {
  test('reads a batch of Python 2', () => {
    const batch = readArrays(
      new Uint8Array(pickledBatch(sampleImages(1), 1)),
      'data_batch_1',
    ) as Map<string, unknown>;
    expect([...batch.keys()]).toEqual(['batch_label', 'labels', 'data', 'filenames']);
    expect(batch.get('batch_label')).toEqual(Uint8Array.from(Buffer.from('training batch 1 of 5')));
    expect(batch.get('labels')).toEqual(sampleImages(1).map(({ label }) => label));
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
    [
      'cnumpy\nndarray\n)R.',
      'p: expected a numpy array to be constructed, got a call of numpy.ndarray.',
    ],
  ])('refuses %j', (text, message) => {
    if (message === undefined) expect(readArrays(bytes(text), 'p')).toEqual({ code: 'f4' });
    else expect(() => readArrays(bytes(text), 'p')).toThrow(new RangeError(message));
  });

  test.each([
    ['u1', 'f4', 'p: expected a numpy array of uint8, got one of f4.'],
    ['\x89T', '\x88T', 'p: expected an array in row-major order, got one in column-major order.'],
    ['M\x00\x0c', 'M\x01\x0c', 'p: expected 6146 bytes for an array of shape [2, 3073], got 6144.'],
  ])('refuses an array with %j replaced by %j', (from, to, message) => {
    const text = Buffer.from(pickledBatch(sampleImages(1), 1)).toString('latin1');
    expect(() => readArrays(bytes(text.replace(from, to)), 'p')).toThrow(new RangeError(message));
  });

  test('a pickle cut or altered anywhere is refused in one line, or read, and always ends', () => {
    const whole = pickledBatch(sampleImages(1), 1);
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

function withAltered(bytes: Uint8Array, caller: (length: number) => number): Uint8Array {
  const at = caller(bytes.length);
  bytes[at] = (bytes[at] as number) ^ 255;
  return bytes;
}

describe('readCifar10', () => {
  test.each([
    ['binary', binaryFiles],
    ['python', pythonFiles],
    ['npm', npmFiles],
  ] as const)(
    'reads the %s archive: every image with its label, channels interleaved',
    async (_, files) => {
      const { train, test: held } = await readCifar10(await tarGz(files()));
      const images = [1, 2, 3, 4, 5].flatMap(sampleImages);
      expect([...train.labels]).toEqual(images.map(({ label }) => label));
      expect(Buffer.compare(allPixels(train), Buffer.concat(images.map(interleaved)))).toBe(0);
      expect([...held.labels]).toEqual(sampleImages(6).map(({ label }) => label));
      expect([train.name, held.name, train.imageShape, train.classNames[9]]).toEqual([
        'CIFAR-10 train',
        'CIFAR-10 test',
        [32, 32, 3],
        'truck',
      ]);
    },
  );

  test('reads a stream in chunks of any size', async () => {
    const bytes = await tarGz(binaryFiles());
    let at = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at < bytes.length) controller.enqueue(bytes.subarray(at, at + 777));
        else controller.close();
        at += 777;
      },
    });
    const [whole, streamed] = [await readCifar10(bytes), await readCifar10(stream)];
    expect(await streamed.train.fingerprint()).toBe(await whole.train.fingerprint());
  });

  const file = 'cifar-10-batches-bin/data_batch_3.bin';
  const refusals: [string, () => Promise<Uint8Array>, string][] = [
    [
      'an archive cut short',
      async () => (await tarGz(binaryFiles())).slice(0, -500),
      'a.tar.gz: expected a whole .tar.gz archive, got ',
    ],
    [
      'another file',
      async () => Buffer.from('<html>'),
      'a.tar.gz: expected a whole .tar.gz archive, got ',
    ],
    ['nothing', async () => new Uint8Array(0), 'a.tar.gz: expected a whole .tar.gz archive, got '],
    [
      'a byte altered in the middle',
      async () => withAltered(await tarGz(binaryFiles()), (length) => length >> 1),
      'a.tar.gz: ',
    ],
    [
      "gzip's checksum of other contents",
      async () => withAltered(await tarGz(binaryFiles()), (length) => length - 8),
      'a.tar.gz: expected a whole .tar.gz archive, got ',
    ],
    [
      'an altered tar header',
      async () => {
        const tar = await packTar(
          Object.entries(binaryFiles()).map(([name, body]) => ({
            header: { name, size: body.length },
            body,
          })),
        );
        tar[3] = 120;
        return gzipSync(tar);
      },
      'a.tar.gz: expected a tar archive whose header checksums are right, got a wrong one; it is cut short, altered or something else: get it again.',
    ],
    [
      'a tar cut short inside whole gzip',
      async () =>
        gzipSync(
          (
            await packTar([{ header: { name: file, size: 6146 }, body: new Uint8Array(6146) }])
          ).subarray(0, 4000),
        ),
      'a.tar.gz: expected a whole .tar.gz archive, got end of data; it is cut short, altered or something else: get it again.',
    ],
    [
      'a missing file',
      () => {
        const { [file]: _, ...others } = binaryFiles();
        return tarGz(others);
      },
      'a.tar.gz: expected every file of the official binary archive, got none called data_batch_3.bin.',
    ],
    [
      'records of another size',
      () => tarGz({ ...binaryFiles(), [file]: new Uint8Array(6145) }),
      'a.tar.gz: data_batch_3.bin: expected whole records of 3073 bytes, got 6145 bytes; it is cut short or something else.',
    ],
    [
      'label 10',
      () => tarGz({ ...binaryFiles(), [file]: new Uint8Array(3073).fill(10) }),
      'a.tar.gz: data_batch_3.bin: expected labels 0–9, got 10 in record 0.',
    ],
    [
      'a file twice',
      () => tarGz({ ...binaryFiles(), 'elsewhere/data_batch_3.bin': new Uint8Array(3073) }),
      'a.tar.gz: expected one file data_batch_3.bin, got a second one.',
    ],
    [
      'another archive',
      () => tarGz({ 'readme.txt': Buffer.from('hello') }),
      'a.tar.gz: expected the files of CIFAR-10, such as data_batch_1.bin, got none of them; is it another archive?.',
    ],
    [
      'labels that are no list',
      () => tarGz({ ...npmFiles(), 'package/train_lables.json': Buffer.from('{}') }),
      'a.tar.gz: train_lables.json: expected a JSON array of labels, got another value.',
    ],
    [
      'fewer labels than images',
      () => tarGz({ ...npmFiles(), 'package/train_lables.json': Buffer.from('[1]') }),
      'a.tar.gz: expected a label for each image of CIFAR-10 train, got 1 for 10.',
    ],
  ];
  test.each(refusals)('refuses %s', async (_, archive, message) => {
    const error: unknown = await readCifar10(await archive(), 'a.tar.gz').catch((thrown) => thrown);
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message.startsWith(message), (error as Error).message).toBe(true);
    expect((error as Error).message).not.toContain('\n');
  });

  test('paths and links in an archive lead nowhere: names are compared, contents stay in memory', async () => {
    const files = Object.entries(binaryFiles()).map(([name, body]) => ({
      header: { name: `../../${name}`, size: body.length },
      body,
    }));
    const link = {
      header: {
        name: 'data_batch_1.bin',
        size: 0,
        type: 'symlink' as const,
        linkname: '/etc/passwd',
      },
    };
    const { train } = await readCifar10(gzipSync(await packTar([link, ...files])));
    expect(train.labels.length).toBe(10);
  });
});
