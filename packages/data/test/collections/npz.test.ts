import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryDirectories } from '@kd/testing';
import { describe, expect, test } from 'vitest';
import type {
  ImageSplit,
  OpenOptions,
  StoredImage,
} from '../../src/node/collections/imageCollection.ts';
import { openImages } from '../../src/node/index.ts';
import { type ArrayContent, npyOf, npzOf } from '../support/arrays.ts';

const createDirectory = temporaryDirectories();

function write(content: Uint8Array, name = 'set.npz', root = createDirectory()): string {
  const file = path.join(root, name);
  writeFileSync(file, content);
  return file;
}

type Arrays = Readonly<Record<string, ArrayContent | Uint8Array>>;

const open = (arrays: Arrays, options?: OpenOptions) => openImages(write(npzOf(arrays)), options);

async function messageOf(
  content: Arrays | Uint8Array,
  name = 'set.npz',
  options?: OpenOptions,
): Promise<string> {
  const file = write(content instanceof Uint8Array ? content : npzOf(content as Arrays), name);
  const { message } = await openImages(file, options).then(
    () => new Error('opened'),
    (error: Error) => error,
  );
  expect(message).not.toContain('\n');
  return message.replaceAll(path.dirname(file), '<root>');
}

const noNumbers = (name: string, descr: string) =>
  `set.npz: ${name}: expected numbers, little-endian (descr '|u1', '<i8', '<f4' …), got ${descr}; Python objects, text and big-endian numbers are not read: save images as uint8 and labels as '<i8' (text: np.unique(labels, return_inverse=True)[1]).`;

/** uint8 [count, ...shape] with numbers of 0–250, no two neighbors alike. */
function images(count: number, ...shape: number[]): ArrayContent & { numbers: Uint8Array } {
  const size = shape.reduce((product, side) => product * side, 1);
  const numbers = Uint8Array.from({ length: count * size }, (_, at) => (at * 7 + 3) % 251);
  return { shape: [count, ...shape], numbers };
}

const bytes = (...numbers: number[]): ArrayContent => ({
  shape: [numbers.length],
  numbers: Uint8Array.from(numbers),
});
const column = (...numbers: number[]): ArrayContent => ({
  ...bytes(...numbers),
  shape: [numbers.length, 1],
});

async function pixelsOf(split: ImageSplit | undefined): Promise<number[][]> {
  const all: number[][] = [];
  for (let index = 0; index < (split?.count ?? 0); index++) {
    const image = (await split?.read(index)) as StoredImage;
    all.push('pixels' in image ? [...image.pixels] : []);
  }
  return all;
}

async function shapeOf(split: ImageSplit): Promise<readonly number[]> {
  const image = await split.read(0);
  return 'pixels' in image ? image.shape : [];
}

function rowsOf({ numbers, shape }: ArrayContent & { numbers: Uint8Array }): number[][] {
  const size = numbers.length / (shape[0] as number);
  return Array.from({ length: shape[0] as number }, (_, index) => [
    ...numbers.subarray(index * size, (index + 1) * size),
  ]);
}

describe('layouts', () => {
  test("medmnist's, stored or deflated", async () => {
    const [train, validation] = [images(3, 4, 2, 3), images(2, 4, 2, 3)];
    const arrays = {
      train_images: train,
      train_labels: column(0, 1, 2),
      val_images: validation,
      val_labels: column(2, 0),
      test_images: images(1, 4, 2, 3),
      test_labels: column(1),
    };
    for (const isDeflated of [() => false, () => true, (name: string) => name.endsWith('images')]) {
      const file = write(npzOf(arrays, isDeflated));
      const { classNames, source, splits } = await openImages(file);
      expect({ classNames, source }).toEqual({ classNames: ['0', '1', '2'], source: file });
      expect([...splits.train.labels]).toEqual([0, 1, 2]);
      expect([...(splits.validation?.labels ?? [])]).toEqual([2, 0]);
      expect([...(splits.test?.labels ?? [])]).toEqual([1]);
      expect(await shapeOf(splits.train)).toEqual([4, 2, 3]);
      expect(await pixelsOf(splits.train)).toEqual(rowsOf(train));
      expect(await pixelsOf(splits.validation)).toEqual(rowsOf(validation));
      expect(splits.train.nameOf(2)).toBe('image 2 of train_images');
    }
  });

  test("Keras' mnist.npz", async () => {
    const [train, others] = [images(3, 4, 2), images(2, 4, 2)];
    const { classNames, splits } = await open({
      x_test: others,
      x_train: train,
      y_train: bytes(2, 0, 1),
      y_test: bytes(1, 1),
    });
    expect(classNames).toEqual(['0', '1', '2']);
    expect(await shapeOf(splits.train)).toEqual([4, 2, 1]);
    expect(await pixelsOf(splits.train)).toEqual(rowsOf(train));
    expect(await pixelsOf(splits.test)).toEqual(rowsOf(others));
    expect([...splits.train.labels]).toEqual([2, 0, 1]);
  });

  test('x and y alone, and a test set without labels', async () => {
    const x = images(2, 2, 2);
    const alone = await open({ X: x, y: bytes(1, 0) });
    expect(Object.keys(alone.splits)).toEqual(['train']);
    expect(await pixelsOf(alone.splits.train)).toEqual(rowsOf(x));
    const { splits } = await open({ images: x, labels: bytes(1, 0), test_images: x });
    expect([...(splits.test?.labels ?? [])]).toEqual([-1, -1]);
  });

  test('other arrays are left out, or named', async () => {
    const arrays = {
      thumbs: images(2, 2, 2),
      breed: bytes(0, 1),
      images: images(2, 3, 3),
      labels: bytes(1, 0),
    };
    const file = write(npzOf(arrays));
    const usual = await openImages(file);
    expect(usual.warnings).toContain('set.npz: arrays that are left out: thumbs, breed');
    const named = await openImages(file, { imageColumn: 'thumbs', labelColumn: 'breed' });
    expect(await shapeOf(named.splits.train)).toEqual([2, 2, 1]);
    expect([...named.splits.train.labels]).toEqual([0, 1]);
  });

  test('.npy files beside each other', async () => {
    const root = createDirectory();
    const x = images(2, 2, 2);
    const labels = write(npyOf(bytes(1, 0)), 'labels.npy', root);
    const own = write(npyOf(x), 'flowers.npy', root);
    const { splits } = await openImages(own);
    expect(await pixelsOf(splits.train)).toEqual(rowsOf(x));
    expect([...splits.train.labels]).toEqual([1, 0]);
    write(npyOf(x), 'images.npy', root);
    expect((await openImages(root)).splits.train.nameOf(0)).toBe('image 0 of images');
    expect((await openImages(labels)).splits.train.count).toBe(2);
  });

  test.each([
    [
      'no labels',
      { images: images(2, 2, 2) },
      'set.npz: expected labels for training (train_images and train_labels, x_train and y_train, images and labels …), got the arrays images; name them with imageColumn and labelColumn (--image-column, --label-column).',
    ],
    [
      'no images',
      { train_labels: bytes(0, 1), weights: bytes(1) },
      'set.npz: expected images for training (train_images and train_labels, x_train and y_train, images and labels …), got the arrays train_labels, weights; name them with imageColumn and labelColumn (--image-column, --label-column).',
    ],
    [
      'two arrays of images',
      { x: images(2, 2, 2), data: images(2, 2, 2), y: bytes(0, 1) },
      'set.npz: expected one array of images for train, got x and data; choose with imageColumn and labelColumn (--image-column, --label-column).',
    ],
    [
      'test data only',
      { x_test: images(2, 2, 2), y_test: bytes(0, 1) },
      'set.npz: expected images for training (train_images and train_labels, x_train and y_train, images and labels …), got the arrays x_test, y_test; name them with imageColumn and labelColumn (--image-column, --label-column).',
    ],
    [
      'nothing',
      {},
      'set.npz: expected images for training (train_images and train_labels, x_train and y_train, images and labels …), got no array; name them with imageColumn and labelColumn (--image-column, --label-column).',
    ],
  ])('%s is refused', async (_, arrays, message) => {
    expect(await messageOf(arrays)).toBe(message);
  });
});

describe('labels', () => {
  const x = images(4, 2, 2);

  test.each([
    ['int64', BigInt64Array.of(1n, 0n, 2n, -1n), [1, 0, 2, -1]],
    ['int8', Int8Array.of(1, 0, 2, -1), [1, 0, 2, -1]],
    ['whole float64', Float64Array.of(1, 0, 2, 1), [1, 0, 2, 1]],
  ])('of %s', async (_, numbers, labels) => {
    const { classNames, splits } = await open({ x, y: { shape: [4, 1], numbers } });
    expect(classNames).toEqual(['0', '1', '2']);
    expect([...splits.train.labels]).toEqual(labels);
  });

  test('of booleans', async () => {
    const y = { ...bytes(1, 0, 0, 1), descr: '|b1' };
    expect([...(await open({ x, y })).splits.train.labels]).toEqual([1, 0, 0, 1]);
  });

  test('that start at 1', async () => {
    const { classNames, splits, warnings } = await open({ x, y: bytes(3, 1, 2, 3) });
    expect(classNames).toEqual(['1', '2', '3']);
    expect([...splits.train.labels]).toEqual([2, 0, 1, 2]);
    expect(warnings).toContain(
      'set.npz: y: labels start at 1; class 1 is number 0 here, and so on',
    );
  });

  test('in one-hot rows', async () => {
    const numbers = Float32Array.of(0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1);
    const { splits, warnings } = await open({ x, y: { shape: [4, 3], numbers } });
    expect([...splits.train.labels]).toEqual([2, 0, 1, 2]);
    expect(warnings).toContain('set.npz: y: one-hot labels of 3 classes');
  });

  test.each([
    [
      'below −1',
      { shape: [4], numbers: Int8Array.of(0, 1, -2, 1) },
      'set.npz: y: expected whole labels from 0, or −1, got -2 for image 2 of x.',
    ],
    [
      'that are parts',
      { shape: [4], numbers: Float32Array.of(0, 1, 0.5, 1) },
      'set.npz: y: expected whole labels, got 0.5 for image 2.',
    ],
    [
      'that are not a number',
      { shape: [4], numbers: Float32Array.of(0, 1, Number.NaN, 1) },
      'set.npz: y: expected whole labels, got NaN for image 2.',
    ],
    [
      'beyond 2⁵³',
      { shape: [4], numbers: BigInt64Array.of(0n, 1n, 2n ** 60n, 1n) },
      'set.npz: y: expected whole labels, got 1152921504606847000 for image 2.',
    ],
    [
      'of three images for four',
      bytes(0, 1, 2),
      'set.npz: y: expected 4 labels, one for each image, got [3].',
    ],
    [
      'of another shape',
      { shape: [4, 1, 1], numbers: new Uint8Array(4) },
      'set.npz: y: expected labels of shape [images] or [images, 1], got [4, 1, 1].',
    ],
    [
      'several an image',
      { shape: [4, 2], numbers: Uint8Array.of(0, 1, 1, 1, 0, 0, 1, 0) },
      'set.npz: y: expected one label for each image (or one-hot rows), got shape [4, 2] with other rows, such as that of image 1; several labels an image are not supported: save one column of them.',
    ],
    [
      'of text',
      { descr: '<U1', shape: [4], numbers: Int32Array.of(97, 98, 97, 98) },
      noNumbers('y', "'<U1'"),
    ],
    [
      'all the same',
      bytes(2, 2, 2, 2),
      "openImages '<root>/set.npz': expected training images of at least two classes, got one class, 2.",
    ],
    [
      'none',
      { shape: [4], numbers: Int8Array.of(-1, -1, -1, -1) },
      'set.npz: y: expected a label for at least one image, got none.',
    ],
  ])('%s are refused', async (_, y, message) => {
    expect(await messageOf({ x, y })).toBe(message);
  });

  test('of Python objects are refused and not read', async () => {
    // A pickle that would call os.system: its opcodes are never looked at.
    const pickle = Buffer.from('cos\nsystem\n(S"exit 1"\ntR.');
    const y = { descr: '|O', shape: [4], numbers: Uint8Array.from(pickle) };
    expect(await messageOf({ x, y })).toBe(noNumbers('y', "'|O'"));
  });
});

describe('pixels', () => {
  const y = bytes(0, 1);
  const whole = images(2, 3, 2, 3);
  const openPixels = async (content: ArrayContent) => {
    const { splits, warnings } = await open({ x: content, y });
    return { pixels: await pixelsOf(splits.train), warnings, shape: await shapeOf(splits.train) };
  };
  const rare = ['one training image only of 0, 1'];

  test('as bytes', async () => {
    expect(await openPixels(whole)).toEqual({
      pixels: rowsOf(whole),
      shape: [3, 2, 3],
      warnings: rare,
    });
  });

  test.each([
    ['int64', BigInt64Array.from(whole.numbers, BigInt)],
    ['uint16', Uint16Array.from(whole.numbers)],
    ['float32', Float32Array.from(whole.numbers)],
  ])('0–255 as %s', async (type, numbers) => {
    const { pixels, warnings } = await openPixels({ ...whole, numbers });
    expect(pixels).toEqual(rowsOf(whole));
    expect(warnings).toEqual([`set.npz: x: ${type} numbers are converted to bytes`, ...rare]);
  });

  test.each([
    ['float32', Float32Array.from(whole.numbers, (value) => value / 255)],
    ['float64', Float64Array.from(whole.numbers, (value) => value / 255)],
  ])('0–1 as %s', async (type, numbers) => {
    const { pixels, warnings } = await openPixels({ ...whole, numbers });
    expect(pixels).toEqual(rowsOf(whole));
    expect(warnings).toEqual([
      `set.npz: x: ${type} numbers are converted to bytes, × 255`,
      ...rare,
    ]);
  });

  test('of channels first', async () => {
    const planes = images(2, 3, 4, 2);
    const { pixels, shape, warnings } = await openPixels(planes);
    expect(shape).toEqual([4, 2, 3]);
    expect(pixels).toEqual(
      rowsOf(planes).map((row) =>
        row.map((_, at) => row[(at % 3) * 8 + Math.floor(at / 3)] as number),
      ),
    );
    expect(warnings).toEqual([
      'set.npz: x: shape [2, 3, 4, 2] is read as [images, channels, height, width]',
      ...rare,
    ]);
  });

  test.each([[[2, 1, 4, 5]], [[2, 4, 5, 1]], [[2, 4, 5]]])('of one channel, %j', async (shape) => {
    const gray = images(shape[0] as number, ...shape.slice(1));
    expect(await openPixels(gray)).toEqual({
      pixels: rowsOf(gray),
      shape: [4, 5, 1],
      warnings: rare,
    });
  });

  test('in column-major order', async () => {
    const [count, height, width] = [2, 3, 4];
    const turned = images(count, height, width);
    const numbers = new Uint8Array(turned.numbers.length);
    turned.numbers.forEach((value, at) => {
      const [image, row, column] = [Math.floor(at / 12), Math.floor(at / 4) % 3, at % 4];
      numbers[image + count * (row + height * column)] = value;
    });
    const { pixels } = await openPixels({ ...turned, numbers, isFortranOrder: true });
    expect(pixels).toEqual(rowsOf(turned));
  });

  test('that are dark', async () => {
    const { warnings } = await openPixels({ ...whole, numbers: new Uint8Array(36).fill(1) });
    expect(warnings).toEqual(['set.npz: x: the brightest of 2 images has 1 of 255', ...rare]);
  });

  test.each([
    [
      'big-endian',
      { ...whole, descr: '>u2', numbers: new Uint16Array(36) },
      noNumbers('x', "'>u2'"),
    ],
    ['Python objects', { ...whole, descr: '|O' }, noNumbers('x', "'|O'")],
    ['complex', { ...whole, descr: '<c8', numbers: new Float64Array(36) }, noNumbers('x', "'<c8'")],
    [
      'normalized',
      { ...whole, numbers: new Float32Array(36).fill(-0.4) },
      'set.npz: x: expected pixels as bytes 0–255 (uint8), got float32 from -0.4 to -0.4, not whole; save the images as they were before normalization.',
    ],
    [
      'above 255',
      { ...whole, numbers: new Uint16Array(36).fill(4095) },
      'set.npz: x: expected pixels as bytes 0–255 (uint8), got uint16 from 4095 to 4095; save np.round(x).clip(0, 255).astype(np.uint8), scaled to 0–255.',
    ],
    [
      '0–100 in parts',
      { ...whole, numbers: new Float32Array(36).fill(99.5) },
      'set.npz: x: expected pixels as bytes 0–255 (uint8), got float32 from 99.5 to 99.5, not whole; save np.round(x).clip(0, 255).astype(np.uint8), scaled to 0–255.',
    ],
    [
      'not a number',
      { ...whole, numbers: new Float32Array(36).fill(Number.NaN) },
      'set.npz: x: expected pixels 0–255, got NaN in image 0.',
    ],
    [
      'rows of squares',
      images(2, 784),
      'set.npz: x: expected images of shape [images, height, width] or [images, height, width, 1 or 3], got [2, 784]; rows of 28 × 28 pixels: save x.reshape(-1, 28, 28).',
    ],
    [
      'rows of RGB',
      images(2, 3072),
      'set.npz: x: expected images of shape [images, height, width] or [images, height, width, 1 or 3], got [2, 3072]; rows of 32 × 32 × 3: save x.reshape(-1, 32, 32, 3), or x.reshape(-1, 3, 32, 32) if they are planes.',
    ],
    [
      'RGBA',
      images(2, 4, 4, 4),
      'set.npz: x: expected images of shape [images, height, width] or [images, height, width, 1 or 3], got [2, 4, 4, 4]; leave the transparency out: save x[..., :3].',
    ],
    [
      'none',
      images(0, 4, 4),
      'set.npz: x: expected images of shape [images, height, width] or [images, height, width, 1 or 3], got [0, 4, 4]; save one image a row, gray or RGB.',
    ],
    [
      'of five axes',
      images(2, 1, 4, 4, 3),
      'set.npz: x: expected images of shape [images, height, width] or [images, height, width, 1 or 3], got [2, 1, 4, 4, 3]; save one image a row, gray or RGB.',
    ],
  ])('%s are refused', async (_, x, message) => {
    expect(await messageOf({ x, y })).toBe(message);
  });

  test('that are no n/255 are refused where they are read', async () => {
    const numbers = Float32Array.from(whole.numbers, (value) => value / 255);
    numbers[20] = 0.1234;
    const { splits } = await open({ x: { ...whole, numbers }, y });
    await expect(splits.train.read(1)).rejects.toThrow(
      new RangeError(
        'set.npz: x: expected pixels n/255, n = 0–255, got 0.1234 in image 1; save the images as uint8: np.round(x * 255).astype(np.uint8) if they run from 0 to 1.',
      ),
    );
  });
});

describe('a damaged file', () => {
  const [x, y] = [images(2, 40, 40), bytes(0, 1)];
  const whole = npzOf({ x, y });

  test.each([
    [
      'cut short',
      whole.subarray(0, -30),
      'set.npz: expected a zip archive with its directory at the end, got none; the file is cut short: get it again.',
    ],
    [
      'empty',
      new Uint8Array(),
      'set.npz: expected a zip archive with its directory at the end, got none; the file is cut short: get it again.',
    ],
    [
      'that is something else',
      Buffer.from('no archive at all, only text'),
      'set.npz: expected a zip archive with its directory at the end, got none; the file is cut short: get it again.',
    ],
    [
      'with an array cut short',
      npzOf({ x: npyOf(x).subarray(0, -10), y }),
      'set.npz: x: expected 3200 bytes of numbers (U8 [2, 40, 40]), got 3190; the file is cut short or damaged: get it again.',
    ],
    [
      'with a header cut short',
      npzOf({ x: npyOf(x).subarray(0, 40), y }),
      'set.npz: x: expected a header of 118 bytes, got 30; the file is cut short.',
    ],
    [
      'with a damaged header',
      npzOf({ x: npyOf(x).fill(64, 12, 20), y }),
      `set.npz: x: expected a header of 'descr', 'fortran_order' and 'shape', got "'@@@@@@@@'|u1', 'fortran_order': False, 'shape': (2, 40, 40), ".`,
    ],
    [
      'with code in a header',
      npzOf({ x: npyOf({ ...x, descr: "' + exit() + '" }), y }),
      `set.npz: x: expected a header of 'descr', 'fortran_order' and 'shape', got "'descr': '' + exit() + '', 'fortran_order': False, 'shape': (2, 40, 40), ".`,
    ],
    [
      'with no array in it',
      npzOf({ x: Buffer.from('text of some length'), y }),
      'set.npz: x: expected an .npy file, got 19 bytes of something else.',
    ],
  ])('%s is refused', async (_, content, message) => {
    expect(await messageOf(content)).toBe(message);
  });

  test('with damaged deflated numbers is refused', async () => {
    const deflated = npzOf({ x, y }, () => true);
    expect(await messageOf(deflated.fill(255, 60, 120))).toBe(
      'set.npz: x.npy: expected deflated data, got Z_DATA_ERROR; the file is cut short or damaged: get it again.',
    );
  });

  test('.npy cut short is refused', async () => {
    const root = createDirectory();
    write(npyOf(y), 'labels.npy', root);
    const file = write(npyOf(x).subarray(0, -10), 'images.npy', root);
    await expect(openImages(file)).rejects.toThrow(
      new RangeError(
        'images.npy: expected 3200 bytes of numbers (U8 [2, 40, 40]), got 3190; the file is cut short or damaged: get it again.',
      ),
    );
  });
});
