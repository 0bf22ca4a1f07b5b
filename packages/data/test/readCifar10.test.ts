import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { describe, expect, test } from 'vitest';
import { readCifar10 } from '../src/index.ts';
import {
  binaryFiles,
  interleaved,
  npmFiles,
  pythonFiles,
  samplePictures,
  tarGz,
} from './support/archives.ts';

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
    'reads the %s archive: every picture with its label, channels interleaved',
    async (_, files) => {
      const { train, test: held } = await readCifar10(await tarGz(files()));
      const pictures = [1, 2, 3, 4, 5].flatMap(samplePictures);
      expect([...train.labels]).toEqual(pictures.map(({ label }) => label));
      expect(Buffer.compare(train.pixels, Buffer.concat(pictures.map(interleaved)))).toBe(0);
      expect([...held.labels]).toEqual(samplePictures(6).map(({ label }) => label));
      expect([train.name, held.name, train.imageShape, train.classNames[9]]).toEqual([
        'CIFAR-10 train',
        'CIFAR-10 test',
        [32, 32, 3],
        'truck',
      ]);
    },
  );

  test('takes a stream, in whatever pieces it comes', async () => {
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
      'fewer labels than pictures',
      () => tarGz({ ...npmFiles(), 'package/train_lables.json': Buffer.from('[1]') }),
      'a.tar.gz: expected a label for each picture of CIFAR-10 train, got 1 for 10.',
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
