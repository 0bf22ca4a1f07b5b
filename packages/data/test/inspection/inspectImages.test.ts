import { describe, expect, it } from 'vitest';
import { imageDataset } from '../../src/index.ts';
import type { ImageSplit, StoredImage } from '../../src/node/collections/imageCollection.ts';
import { inspectDatasets } from '../../src/node/inspection/inspectDatasets.ts';
import { inspectImages } from '../../src/node/inspection/inspectImages.ts';
import { noise } from '../pixels/support.ts';
import { countedPng } from '../support/collections.ts';

const broken: StoredImage = { encoded: new TextEncoder().encode('no picture at all') };

function flat(value: number, [height, width]: readonly [number, number] = [4, 6]): StoredImage {
  return {
    pixels: new Uint8Array(height * width * 3).fill(value),
    shape: [height, width, 3],
  };
}

/** Two pixels of given levels: mean and deviation are known. */
function pair(low: number, high: number, side = 2): StoredImage {
  const pixels = Uint8Array.from({ length: side * side * 3 }, (_, at) => (at % 6 < 3 ? low : high));
  return { pixels, shape: [side, side, 3] };
}

function splitOf(
  name: string,
  images: readonly StoredImage[],
  labels: readonly number[],
): ImageSplit {
  return {
    count: images.length,
    labels: Int32Array.from(labels),
    nameOf: (index) => `${name}/${index}.png`,
    read: async (index) => images[index] as StoredImage,
    version: name,
  };
}

const classNames = ['cat', 'dog'];
const source = '/data/pets';

function inspect(
  splits: { train: ImageSplit; validation?: ImageSplit; test?: ImageSplit },
  options = {},
) {
  return inspectImages({ source, classNames, splits, warnings: [] }, options);
}

describe('inspectImages', () => {
  it('counts, measures and shows what is there', async () => {
    const train = splitOf('train', [pair(0, 255), pair(51, 102, 4), pair(0, 255, 6)], [0, 1, -1]);
    const found = await inspect({ train }, { size: 4 });
    expect(found.splits).toEqual([
      {
        split: 'train',
        images: 3,
        decoded: 3,
        classCounts: [1, 1],
        unlabelled: 1,
        // Of levels that are equal in all channels there is one number.
        mean: [expect.closeTo((0.5 + 0.3 + 0.5) / 3, 12)],
        std: [expect.closeTo(Math.sqrt((0.5 + (0.04 + 0.16) / 2 + 0.5) / 3 - (1.3 / 3) ** 2), 12)],
      },
    ]);
    expect(found.sizes).toMatchObject({
      smallest: { height: 2, width: 2 },
      median: { height: 4, width: 4 },
      largest: { height: 6, width: 6 },
      different: 3,
    });
    expect(found.formats).toEqual([{ what: 'pixels, RGB, 8 bits', images: 3 }]);
    expect(found.smaller).toEqual({ size: 4, images: 1 });
    expect(found.pictures.map(({ name, label }) => [name, label])).toEqual([
      ['train/0.png', 0],
      ['train/1.png', 1],
      ['train/2.png', -1],
    ]);
    expect(found.problems).toEqual([]);
  });

  it('finds duplicates within and between splits, and two labels of one picture', async () => {
    const train = splitOf('train', [pair(1, 9), pair(2, 9), pair(1, 9), pair(3, 9)], [0, 1, 0, 1]);
    const validation = splitOf('validation', [pair(2, 9)], [0]);
    const test = splitOf('test', [pair(1, 9), pair(3, 9), pair(4, 9)], [0, 1, 1]);
    const { duplicates, warnings } = await inspect({ train, validation, test });
    const { pairs, ...numbers } = duplicates;
    expect(numbers).toEqual({
      within: { train: 1 },
      between: [
        { first: 'train', second: 'test', images: 2 },
        { first: 'train', second: 'validation', images: 1 },
      ],
      conflicts: 1,
    });
    expect(pairs.map(({ first, second }) => [first.name, second.name])).toEqual([
      ['train/1.png', 'validation/0.png'],
      ['train/0.png', 'test/0.png'],
      ['train/3.png', 'test/1.png'],
    ]);
    expect(warnings).toContain(
      '2 images of test are in train too: networks may know the answer, so that test accuracy is too high; remove them from one of the two.',
    );
    expect(warnings).toContain(
      '1 picture occurs with two labels: one of them is wrong; decide which.',
    );
  });

  it('tells equal bytes of other shapes apart, and files from the pixels that they hold', async () => {
    const shapes = [flat(7, [2, 12]), flat(7, [12, 2]), flat(7, [4, 6])];
    const { duplicates } = await inspect({ train: splitOf('train', shapes, [0, 1, 0]) });
    expect(duplicates).toMatchObject({ within: {}, between: [], conflicts: 0 });
    const png = await countedPng(3, 5, 6);
    const twice = splitOf('train', [png, png], [0, 1]);
    expect((await inspect({ train: twice })).duplicates.conflicts).toBe(1);
  });

  it('lists broken images, which end nothing', async () => {
    const train = splitOf('train', [pair(1, 2), broken, pair(3, 4)], [0, 0, 1]);
    const unreadable: ImageSplit = {
      ...splitOf('test', [broken], [0]),
      read: async () => {
        throw Object.assign(new Error('EACCES: permission denied, open x'), { code: 'EACCES' });
      },
    };
    const found = await inspect({ train, test: unreadable });
    const reason =
      'expected a picture (JPEG, PNG, WebP, AVIF, GIF or TIFF), got another kind of file';
    expect(found.broken).toEqual({
      images: 2,
      list: [
        { split: 'train', name: 'train/1.png', reason },
        { split: 'test', name: 'test/0.png', reason: expect.stringContaining('EACCES') },
      ],
    });
    expect(found.splits.map(({ images, decoded }) => [images, decoded])).toEqual([
      [3, 2],
      [1, 0],
    ]);
    expect(found.problems).toEqual([
      `2 images cannot be read, such as train/1.png (${reason}): get them again, or leave them out with --skip-broken.`,
    ]);
    const skipped = await inspect({ train, test: unreadable }, { skipBroken: true });
    expect(skipped.problems).toEqual([]);
    expect(skipped.warnings[0]).toBe('2 images cannot be read and are left out.');
  });

  it('says what makes training impossible, and what to mind', async () => {
    const one = splitOf('train', [pair(1, 2), pair(2, 3)], [0, 0]);
    expect((await inspect({ train: one })).problems).toEqual([
      'All training images are of one class: there is nothing to tell apart; add another.',
    ]);
    const none = splitOf('train', [broken], [0]);
    expect((await inspect({ train: none }, { skipBroken: true })).problems).toEqual([
      'No training image can be read: look at the files.',
    ]);
    const images = Array.from({ length: 13 }, (_, at) => pair(at, 200));
    const rare = splitOf('train', [...images, flat(9)], [...images.map(() => 0), 1]);
    const { warnings, uniform } = await inspect({ train: rare });
    expect(uniform.images).toBe(1);
    expect(warnings).toEqual([
      expect.stringMatching(/^1 class of one training image \(dog\): /),
      expect.stringMatching(/^The classes are unequal: 13 training images of cat, 1 of dog\. /),
      '1 image is of one color, such as train/13.png: look whether they are meant.',
    ]);
  });

  it('decodes a sample at equal distances, counts all, and stops on a signal', async () => {
    const images = Array.from({ length: 40 }, (_, at) => pair(at, 99));
    const train = splitOf(
      'train',
      images,
      images.map((_, at) => at % 2),
    );
    const read: number[] = [];
    const counted = {
      ...train,
      read: (index: number) => {
        read.push(index);
        return train.read(index);
      },
    };
    const { splits } = await inspect({ train: counted }, { limit: 4 });
    expect(splits[0]).toMatchObject({ images: 40, decoded: 4, classCounts: [20, 20] });
    expect([...new Set(read)]).toEqual([5, 15, 25, 35]);
    await expect(
      inspect({ train }, { signal: AbortSignal.abort(new Error('stopped')) }),
    ).rejects.toThrow('stopped');
  });
});

describe('inspectDatasets', () => {
  it('sees a thousand classes by small pictures of the first ones', async () => {
    const [classes, images, side] = [1000, 2000, 24];
    const train = imageDataset({
      name: 'many',
      pixels: noise(images * side * side * 3),
      labels: Int32Array.from({ length: images }, (_, at) => at % classes),
      imageShape: [side, side, 3],
      classNames: Array.from({ length: classes }, (_, label) => `class ${label}`),
    });
    const { pictures, splits } = await inspectDatasets({ train, source: 'many' });
    expect(splits[0]?.classCounts).toHaveLength(classes);
    const bytes = pictures.reduce((sum, { picture }) => sum + picture.pixels.length, 0);
    expect(bytes).toBeGreaterThan(100_000);
    expect(bytes).toBeLessThan(3_200_000);
  });
});
