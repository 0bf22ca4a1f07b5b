import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryDirectories } from '@kd/testing';
import { describe, expect, test } from 'vitest';
import type {
  ImageSplit,
  OpenOptions,
  StoredImage,
} from '../../src/node/collections/imageCollection.ts';
import { openImages } from '../../src/node/index.ts';

/** Values of the columns as pyarrow reads them; those of `image` are numbers of `pictures`. */
interface Expected {
  readonly pictures: readonly string[];
  readonly files: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>>;
}

const createDirectory = temporaryDirectories();
const fixtures = new URL('../fixtures/parquet/', import.meta.url).pathname;
const { files, pictures }: Expected = JSON.parse(
  readFileSync(path.join(fixtures, 'expected.json'), 'utf8'),
);
const pathOf = (name: string) => path.join(fixtures, `${name}.parquet`);
const valuesOf = (name: string, column: string) => files[name]?.[column] as readonly unknown[];

function toBase64(image: StoredImage): string {
  return 'encoded' in image ? Buffer.from(image.encoded).toString('base64') : 'pixels';
}

async function readAll(split: ImageSplit | undefined): Promise<readonly number[]> {
  const found: number[] = [];
  for (let index = 0; index < (split?.count ?? 0); index++)
    found.push(pictures.indexOf(toBase64((await split?.read(index)) as StoredImage)));
  return found;
}

async function messageOf(source: string, options?: OpenOptions): Promise<string> {
  const { message } = await openImages(source, options).then(
    () => new Error('opened'),
    (error: Error) => error,
  );
  expect(message).not.toContain('\n');
  const root = source.endsWith('.parquet') ? path.dirname(source) : source;
  return message.replaceAll(root, '<root>');
}

const named = Object.keys(files);
const paged = named.filter((name) => name.startsWith('pages/'));
const encoded = named.filter((name) => name.startsWith('encodings/'));

describe('pages', () => {
  test.each(paged)('of %s give what pyarrow gives', async (name) => {
    const { classNames, splits, warnings } = await openImages(pathOf(name));
    expect({ classNames, warnings }).toEqual({
      classNames: ['tench', 'grün', 'zebra'],
      warnings: [],
    });
    expect([...splits.train.labels]).toEqual(valuesOf(name, 'label'));
    expect(await readAll(splits.train)).toEqual(valuesOf(name, 'image'));
  });

  test.each(encoded)('of %s give what pyarrow gives', async (name) => {
    const { classNames, splits } = await openImages(pathOf(name));
    const labels = valuesOf(name, 'label');
    const isText = typeof labels[0] === 'string';
    expect(classNames).toEqual(isText ? ['grün', 'tench', 'zebra'] : ['0', '1', '2']);
    expect(Array.from(splits.train.labels, (label) => classNames[label])).toEqual(
      labels.map(String),
    );
    expect(await readAll(splits.train)).toEqual(valuesOf(name, 'image'));
  });

  test('are read in any order', async () => {
    const { train } = (await openImages(pathOf('pages/zstd-2'))).splits;
    const order = [13, 0, 7, 8, 1, 13, 5, 6, 9, 0];
    const images = await Promise.all(order.map((index) => train.read(index)));
    const numbers = images.map((image) => pictures.indexOf(toBase64(image)));
    expect(numbers).toEqual(order.map((index) => valuesOf('pages/zstd-2', 'image')[index]));
    expect(train.nameOf(13)).toBe('row 13 of zstd-2.parquet');
  });
});

describe.each(['kinds-1', 'kinds-2'])('labels of %s', (name) => {
  const open = (labelColumn: string) => openImages(pathOf(name), { labelColumn });

  test.each(['int8', 'uint64', 'string', 'dictionary', 'nulls', 'textNulls', 'minus', 'whole'])(
    '%s',
    async (column) => {
      const { classNames, splits } = await open(column);
      const values = valuesOf(name, column);
      const isText = values.some((value) => typeof value === 'string');
      expect(classNames).toEqual(isText ? ['grün', 'tench', 'zebra'] : ['0', '1', '2']);
      expect(
        Array.from(splits.train.labels, (label) => (label < 0 ? null : classNames[label])),
      ).toEqual(values.map((value) => (value === null || value === -1 ? null : String(value))));
      expect(await readAll(splits.train)).toEqual(valuesOf(name, 'image'));
    },
  );

  test.each(['bool', 'boolNulls'])('%s', async (column) => {
    const { classNames, splits } = await open(column);
    expect(classNames).toEqual(['false', 'true']);
    expect([...splits.train.labels]).toEqual(
      valuesOf(name, column).map((value) => (value === null ? -1 : Number(value))),
    );
  });

  test('int64 with gaps, and uint8 above 127', async () => {
    const source = pathOf(name);
    const gaps = await open('int64');
    expect([...gaps.splits.train.labels]).toEqual(valuesOf(name, 'int64'));
    expect(gaps.warnings).toContain(`${source}: int64: 8 labels of 0–10 have no image`);
    const high = await open('uint8');
    expect(high.classNames).toEqual(['200', '201', '202']);
    expect([...high.splits.train.labels]).toEqual(
      valuesOf(name, 'uint8').map((value) => Number(value) - 200),
    );
    expect(high.warnings).toEqual([
      `${source}: uint8: labels start at 200, which is number 0 here, and so on`,
    ]);
  });

  test.each([
    ['half', `${name}.parquet: half: expected whole labels, got 0.5 in row 1.`],
    [
      'lists',
      `${name}.parquet: lists: expected one label a row: whole numbers, text or booleans, got other; several labels an image are not supported; choose another with labelColumn (--label-column).`,
    ],
    [
      'day',
      `${name}.parquet: day: expected one label a row: whole numbers, text or booleans, got other; several labels an image are not supported; choose another with labelColumn (--label-column).`,
    ],
  ])('%s are refused', async (column, message) => {
    expect(await messageOf(pathOf(name), { labelColumn: column })).toBe(message);
  });
});

describe('splits and shards', () => {
  test('are told by file names', async () => {
    const { classNames, source, splits, warnings } = await openImages(
      path.join(fixtures, 'shards'),
    );
    expect({ classNames, source, warnings }).toEqual({
      classNames: ['daisy', 'rose'],
      source: path.join(fixtures, 'shards'),
      warnings: ['no validation images of rose'],
    });
    const [first, second] = ['shards/train-00000-of-00002', 'shards/train-00001-of-00002'] as const;
    expect([...splits.train.labels]).toEqual([
      ...valuesOf(first, 'label'),
      ...valuesOf(second, 'label'),
    ]);
    expect(await readAll(splits.train)).toEqual([
      ...valuesOf(first, 'image'),
      ...valuesOf(second, 'image'),
    ]);
    expect(splits.train.nameOf(3)).toBe('row 0 of train-00001-of-00002.parquet');
    expect(await readAll(splits.validation)).toEqual(
      valuesOf('shards/validation-00000-of-00001', 'image'),
    );
    expect(await readAll(splits.test)).toEqual(valuesOf('shards/test-00000-of-00001', 'image'));
  });

  test('a missing shard is refused; one given alone is a warning', async () => {
    const root = createDirectory();
    const only = 'train-00001-of-00002.parquet';
    for (const name of [only, 'test-00000-of-00001.parquet'])
      cpSync(path.join(fixtures, 'shards', name), path.join(root, name));
    expect(await messageOf(root)).toBe(
      '<root>: train-*-of-00002: expected 2 shards, got 1; get the missing ones.',
    );
    const alone = path.join(root, only);
    expect((await openImages(alone)).warnings).toContain(
      `${alone}: one of 2 shards; give the directory for all of them`,
    );
  });

  test('of other columns are refused', async () => {
    const root = createDirectory();
    cpSync(pathOf('train'), path.join(root, 'train-00000-of-00002.parquet'));
    cpSync(pathOf('pages/none-1'), path.join(root, 'train-00001-of-00002.parquet'));
    expect(await messageOf(root)).toBe(
      'train-00001-of-00002.parquet: expected the columns image and label of daisy, rose, got image and label of tench, grün, zebra; all files of one dataset have the same; train-00000-of-00002.parquet has others.',
    );
  });
});

describe('the column of labels', () => {
  test('is the only one that can be', async () => {
    const source = pathOf('only');
    const { classNames, splits, warnings } = await openImages(source);
    expect(classNames).toEqual(['0', '1', '2']);
    expect([...splits.train.labels]).toEqual(valuesOf('only', 'digit'));
    expect(warnings).toEqual([`${source}: label column: digit (the only one that can be)`]);
  });

  test('may be missing in other splits', async () => {
    const root = createDirectory();
    cpSync(pathOf('only'), path.join(root, 'train.parquet'));
    cpSync(pathOf('noLabel'), path.join(root, 'test.parquet'));
    const { splits } = await openImages(root);
    expect([...splits.train.labels]).toEqual(valuesOf('only', 'digit'));
    expect(new Set(splits.test?.labels)).toEqual(new Set([-1]));
  });

  test('is to be in every file of a split', async () => {
    const root = createDirectory();
    cpSync(pathOf('only'), path.join(root, '0.parquet'));
    cpSync(pathOf('noLabel'), path.join(root, '1.parquet'));
    expect(await messageOf(root)).toMatch(
      '<root>: 0.parquet: expected a column of labels, such as label, got image (image), id (integer)',
    );
  });

  const listed =
    'image (image), id (integer), width (integer), score (number), place (text), lists (other)';
  test.each([
    [
      'several can be',
      'several',
      `<root>/several.parquet: several.parquet: expected a column of labels, such as label, got ${listed}, digit (integer), hand (text); name it with labelColumn (--label-column).`,
    ],
    [
      'none can be',
      'noLabel',
      `<root>/noLabel.parquet: noLabel.parquet: expected a column of labels, such as label, got ${listed}; name it with labelColumn (--label-column).`,
    ],
  ])('%s: is to be named', async (_, name, message) => {
    expect(await messageOf(pathOf(name))).toBe(message);
  });

  test('by its option', async () => {
    const { classNames, warnings } = await openImages(pathOf('several'), { labelColumn: 'hand' });
    expect({ classNames, warnings }).toEqual({ classNames: ['grün', 'tench'], warnings: [] });
    expect(await messageOf(pathOf('several'), { labelColumn: 'foot' })).toBe(
      `several.parquet: expected the column 'foot' (labelColumn, --label-column), got ${listed}, digit (integer), hand (text); name one of these.`,
    );
  });

  test('has labels within its class names', async () => {
    expect(await messageOf(pathOf('badLabels'))).toBe(
      '<root>/badLabels.parquet: label: expected labels 0–2 (3 class names), or −1 for none, got 9 for row 1 of badLabels.parquet.',
    );
  });
});

describe('the column of images', () => {
  test.each([
    [
      'of addresses',
      'addresses',
      {},
      "addresses.parquet: expected a column of images, got image (text), label (integer); images are read from bytes of files: save with a column of the type Image of Python's datasets.",
    ],
    [
      'of addresses by name',
      'addresses',
      { imageColumn: 'image' },
      "addresses.parquet: image: expected bytes of image files, one image a row, got text; these are paths or URLs: save with the type Image of Python's datasets, which keeps the bytes.",
    ],
    [
      'of lists',
      'nested',
      { imageColumn: 'image' },
      "nested.parquet: image: expected bytes of image files, one image a row, got other; save one image a row with the type Image of Python's datasets.",
    ],
    [
      'that is missing',
      'train',
      { imageColumn: 'picture' },
      "train.parquet: expected the column 'picture' (imageColumn, --image-column), got image (Image), label (ClassLabel); name one of these.",
    ],
    [
      'that is one of two',
      'twoImages',
      {},
      "twoImages.parquet: expected one column of images, got [left, right]; choose with imageColumn: 'left' (--image-column).",
    ],
  ])('%s is refused', async (_, name, options, message) => {
    expect(await messageOf(pathOf(name), options)).toBe(message);
  });

  test('by its option', async () => {
    const { splits } = await openImages(pathOf('twoImages'), { imageColumn: 'right' });
    expect(await readAll(splits.train)).toEqual(valuesOf('pages/none-1', 'image'));
  });

  test('with a path alone is refused at that row', async () => {
    const { train } = (await openImages(pathOf('paths'))).splits;
    expect(pictures.indexOf(toBase64(await train.read(0)))).toBe(0);
    await expect(train.read(1)).rejects.toThrow(
      new RangeError(
        "row 1 of paths.parquet: image: expected the bytes of an image file, got the path 1.png alone; save with the bytes inside: to_parquet and push_to_hub of Python's datasets embed them.",
      ),
    );
  });
});

describe('a damaged file', () => {
  const whole = readFileSync(pathOf('pages/none-1'));
  const overwrite = (from: number, to: number) => Buffer.from(whole).fill(255, from, to);
  const write = (bytes: Uint8Array) => {
    const file = path.join(createDirectory(), 'cut.parquet');
    writeFileSync(file, bytes);
    return file;
  };

  test.each([
    [
      'cut short',
      whole.subarray(0, -100),
      'cut.parquet: expected a parquet file, which ends with PAR1, got another end; the file is cut short or something else: get it again.',
    ],
    [
      'empty',
      new Uint8Array(),
      'cut.parquet: expected a parquet file, got 0 bytes; the file is cut short or something else: get it again.',
    ],
    [
      'without its beginning',
      whole.subarray(-60),
      'cut.parquet: expected a footer within 60 bytes, got one of 1785; the file is cut short or something else: get it again.',
    ],
    [
      'encrypted',
      Buffer.concat([whole.subarray(0, -4), Buffer.from('PARE')]),
      'cut.parquet: expected a parquet file that is not encrypted, got an encrypted one; decrypt it.',
    ],
    [
      'with a broken footer',
      overwrite(whole.length - 200, whole.length - 40),
      'cut.parquet: expected a parquet footer, got thrift unhandled type: 15; the file is damaged: get it again.',
    ],
  ])('%s is refused', async (_, bytes, message) => {
    expect(await messageOf(write(bytes))).toBe(message);
  });

  test.each([
    [
      'whose beginning is missing',
      Buffer.concat([whole.subarray(0, 4), whole.subarray(304)]),
      'cut.parquet: label, bytes 1016–1127: expected a page at byte 1016, got thrift binary length 10249 exceeds remaining 29 bytes; the file is cut short or damaged: get it again.',
    ],
    [
      'whose pages are overwritten',
      overwrite(4, 1800),
      'cut.parquet: label, bytes 1016–1127: expected a page at byte 1016, got thrift unhandled type: 15; the file is cut short or damaged: get it again.',
    ],
  ])('%s is refused by column and place', async (_, bytes, message) => {
    expect(await messageOf(write(bytes))).toBe(message);
  });

  test('without the name of a column is refused', async () => {
    const bytes = Buffer.from(whole);
    // Field 4 of a SchemaElement, a text of 5 bytes, becomes field 5.
    bytes[bytes.indexOf('\x18\x05label')] = 0x28;
    expect(await messageOf(write(bytes))).toBe(
      'cut.parquet: expected a parquet footer, got one with missing fields; the file is damaged: get it again.',
    );
  });

  test('without lengths in the header of a page is refused, where decoders would run on', async () => {
    const bytes = readFileSync(pathOf('pages/zstd-2'));
    bytes[242] = 0xce;
    const { train } = (await openImages(write(bytes))).splits;
    await expect(train.read(0)).rejects.toThrow(
      'cut.parquet: image.bytes, bytes 4–423: expected a page at byte 226, got a header with missing fields; the file is cut short or damaged: get it again.',
    );
  });

  test('is read where it is whole', async () => {
    const bytes = readFileSync(pathOf('pages/snappy-1'));
    const { train } = (await openImages(write(bytes.fill(255, 20, 24)))).splits;
    await expect(train.read(0)).rejects.toThrow(
      'cut.parquet: image.bytes, bytes 4–445: expected a page of values, got missing eof marker; the file is cut short or damaged: get it again.',
    );
    expect(pictures.indexOf(toBase64(await train.read(13)))).toBe(
      valuesOf('pages/snappy-1', 'image')[13],
    );
  });
});
