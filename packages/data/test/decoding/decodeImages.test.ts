import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dataLoader, hashPixels, imageDataset } from '../../src/index.ts';
import type { StoredImage } from '../../src/node/collections/imageCollection.ts';
import { type DecodeOptions, decodeImages } from '../../src/node/decoding/decodeImages.ts';
import { pixelHash } from '../../src/node/decoding/pixelHash.ts';
import { checkRoom } from '../../src/node/decoding/rowWriter.ts';
import { collectionOf, countedPixels, countedPng } from '../support/collections.ts';
import { allPixels } from '../support/datasets.ts';

let cache: string;
let lines: string[];
const broken: StoredImage = { encoded: new TextEncoder().encode('no picture at all') };

beforeEach(async () => {
  cache = await mkdtemp(path.join(tmpdir(), 'kd-decode-'));
  lines = [];
});
afterEach(() => rm(cache, { recursive: true, force: true }));

function options(more: DecodeOptions = {}): DecodeOptions {
  return { cache, workers: 0, log: (line) => lines.push(line), ...more };
}

function pngs(count: number, height = 6, width = 5): Promise<StoredImage[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => countedPng(index, height, width)));
}

/** Files of the cache by what they end in. */
async function cached(end: string): Promise<string[]> {
  const names = await readdir(path.join(cache, 'images')).catch(() => []);
  return names.filter((name) => name.endsWith(end)).map((name) => path.join(cache, 'images', name));
}

test('images become rows with their labels, and are decoded once', async () => {
  const collection = collectionOf(await pngs(7));
  const first = await decodeImages(collection, options());
  const pixels = Uint8Array.from(
    Array.from({ length: 7 }, (_, index) => [...countedPixels(index, 6, 5)]).flat(),
  );
  expect(allPixels(first.train)).toEqual(pixels);
  expect(first.train).toMatchObject({ name: 'flowers train', imageShape: [6, 5, 3] });
  expect([...first.train.labels]).toEqual([0, 1, 2, 0, 1, 2, 0]);
  expect(first).toMatchObject({ source: '/data/flowers/', broken: [], warnings: [] });
  expect(first.preparation).toBe('as given, 3 channels');
  const same = imageDataset({
    pixels,
    labels: first.train.labels,
    imageShape: [6, 5, 3],
    classNames: first.train.classNames,
  });
  expect(await first.train.fingerprint()).toBe(await same.fingerprint());
  expect(lines).toEqual([expect.stringMatching(/^decoded images: 630 B in .*, .* free$/)]);

  const reads = collection.reads.length;
  const again = await decodeImages(collection, options());
  expect(allPixels(again.train)).toEqual(pixels);
  // The first image, for its shape.
  expect(collection.reads.slice(reads)).toEqual([0]);
  expect(lines).toHaveLength(1);
});

test('rows in a file give the images, batches and fingerprint of rows in memory', async () => {
  const collection = collectionOf(await pngs(9));
  const inMemory = await decodeImages(collection, options());
  const inFile = await decodeImages(collection, options({ memoryBytes: 0 }));
  expect(inFile.train.images.read(3)).toBe(inFile.train.images.read(5));
  expect(allPixels(inFile.train)).toEqual(allPixels(inMemory.train));
  expect(await inFile.train.fingerprint()).toBe(await inMemory.train.fingerprint());
  const batches = async (loaded: typeof inFile) => {
    const values: number[] = [];
    for await (const { images, labels } of dataLoader(loaded.train, { batchSize: 4 }).epoch(1))
      values.push(...images.dataSync(), ...labels.dataSync());
    return values;
  };
  expect(await batches(inFile)).toEqual(await batches(inMemory));
  // The file may be removed while it is used.
  await rm(cache, { recursive: true });
  expect([...inFile.train.images.read(8)]).toEqual([...countedPixels(8, 6, 5)]);
});

test('threads decode what this thread decodes, small sets and squares', async () => {
  const images = await pngs(150, 40, 31);
  const progress: [string, number][] = [];
  const squares = { size: 16, memoryBytes: 0 };
  const threads = await decodeImages(collectionOf(images, { version: 'threads' }), {
    ...options(squares),
    workers: 2,
    createProgress: (label) => ({
      update: (done) => progress.push([label, done]),
      end: () => progress.push([label, -1]),
    }),
  });
  const here = await decodeImages(collectionOf(images, { version: 'here' }), options(squares));
  expect(threads.train.imageShape).toEqual([16, 16, 3]);
  expect(threads.preparation).toMatch(/^torchvision\(size=16,.*\), 3 channels$/);
  expect(await threads.train.fingerprint()).toBe(await here.train.fingerprint());
  expect(progress.at(0)).toEqual(['decode images', 1]);
  expect(progress.slice(-2)).toEqual([
    ['decode images', 150],
    ['decode images', -1],
  ]);
});

test('stored pixels need no decoding and no file; channels are converted as Pillow does', async () => {
  const stored = (index: number): StoredImage => ({
    pixels: countedPixels(index, 2, 2),
    shape: [2, 2, 3],
  });
  const collection = collectionOf([stored(0), stored(1)]);
  const { train } = await decodeImages(collection, options());
  expect([...train.images.read(1)]).toEqual([...countedPixels(1, 2, 2)]);
  expect(await readdir(cache)).toEqual([]);
  const gray = await decodeImages(collection, options({ channels: 1 }));
  // Pillow: Image.fromarray(…).convert('L').
  expect([...gray.train.images.read(0)]).toEqual([6, 27, 48, 69]);
  const color = collectionOf([{ pixels: Uint8Array.of(1, 2), shape: [1, 2, 1] }]);
  const { train: three } = await decodeImages(color, options());
  expect([...three.images.read(0)]).toEqual([1, 1, 1, 2, 2, 2]);
});

test('images of unequal size are refused by name, unless a size is given', async () => {
  const images = [...(await pngs(2)), await countedPng(2, 6, 7)];
  await expect(decodeImages(collectionOf(images), options())).rejects.toThrow(
    "decodeImages '/data/flowers/, train': expected images of one size, height × width 6 × 5 as image 0.png, got 6 × 7 in image 2.png; give a size, to which all are resized (size: 224, --size).",
  );
  const { train } = await decodeImages(collectionOf(images), options({ size: 4 }));
  expect(train.images.count).toBe(3);
});

test('all broken images are named together, or left out with their labels', async () => {
  const images = await pngs(8);
  for (const at of [0, 3, 4, 6]) images[at] = broken;
  const collection = collectionOf(images, {
    onRead: (index) => {
      if (index === 6) throw new RangeError("open 'image 6.png': expected a file, got none; look.");
    },
  });
  const failing = decodeImages(collection, options());
  await expect(failing).rejects.toThrow(
    /^decodeImages '\/data\/flowers\/': expected images that can be decoded, got 4 of 8 that cannot: image 0\.png \(expected a picture .*\), image 3\.png \(.*\), image 4\.png \(.*\), 1 others; mend or remove them, or leave them out with skipBroken: true \(--skip-broken\)\.$/,
  );
  const reads = collection.reads.length;
  const { train, broken: left } = await decodeImages(collection, options({ skipBroken: true }));
  expect(left.map(({ name }) => name)).toEqual([0, 3, 4, 6].map((at) => `image ${at}.png`));
  expect(left[3]?.reason).toBe('expected a file, got none');
  expect([...train.labels]).toEqual([1, 2, 2, 1]);
  expect([...train.images.read(2)]).toEqual([...countedPixels(5, 6, 5)]);
  // What was decoded before the error is there: only the broken ones are tried again.
  expect(new Set(collection.reads.slice(reads))).toEqual(new Set([0, 1, 3, 4]));
  await expect(decodeImages(collection, options())).rejects.toThrow(/4 of 8 that cannot/);
});

test('a decoding that was interrupted is gone on with', async () => {
  const images = await pngs(200);
  let fails = true;
  const stop = new AbortController();
  const onRead = (index: number) => {
    if (fails && index === 190) stop.abort(new Error('stopped'));
  };
  const collection = collectionOf(images, { onRead });
  await expect(decodeImages(collection, options({ signal: stop.signal }))).rejects.toThrow(
    'stopped',
  );
  expect(await cached('.partial')).toEqual([expect.stringContaining('.free.')]);
  // Bytes behind the last checkpoint, as after a crash.
  const [partial] = await cached('.partial');
  await writeFile(path.join(partial as string, 'rows'), 'torn', { flag: 'a' });
  fails = false;
  const reads = collection.reads.length;
  const { train } = await decodeImages(collection, options());
  expect(collection.reads.length - reads).toBeLessThan(150);
  const whole = await decodeImages(collectionOf(images, { version: 'whole' }), options());
  expect(await train.fingerprint()).toBe(await whole.train.fingerprint());
  expect(await cached('.partial')).toEqual([]);
});

test('the same images are decoded once when two want them', async () => {
  const images = await pngs(40);
  const collection = collectionOf(images);
  const both = await Promise.all([1, 2].map(() => decodeImages(collection, options())));
  expect(await both[0]?.train.fingerprint()).toBe(await both[1]?.train.fingerprint());
  expect(collection.reads.filter((index) => index > 0)).toHaveLength(39);
  expect(lines).toContainEqual(
    `process ${process.pid} decodes these images already: waiting for it`,
  );
  expect(await cached('.rows')).toHaveLength(1);
});

test('damaged rows are reported and made again', async () => {
  const collection = collectionOf(await pngs(5));
  for (const memoryBytes of [2 ** 30, 0]) {
    const before = await decodeImages(collection, options({ memoryBytes }));
    const [rows] = (await cached('.rows')) as [string];
    const bytes = await readFile(rows);
    bytes[100] = (bytes[100] as number) ^ 1;
    await writeFile(rows, bytes);
    const reads = collection.reads.length;
    const again = await decodeImages(collection, options({ memoryBytes }));
    expect(lines.at(-2)).toMatch(/got [0-9a-f]{16}…; the file was altered\. The images are decod/);
    expect(collection.reads.length - reads).toBeGreaterThan(5);
    expect(await again.train.fingerprint()).toBe(await before.train.fingerprint());
  }
  const [rows] = (await cached('.rows')) as [string];
  await writeFile(rows, 'cut short');
  await decodeImages(collection, options());
  expect(lines.at(-2)).toMatch(/is not whole: the images are decoded again\.$/);
});

test('rows in a file are hashed again only if the file has another time', async () => {
  const collection = collectionOf(await pngs(5));
  const labels: string[] = [];
  const onFile = options({
    memoryBytes: 0,
    createProgress: (label) => {
      labels.push(label);
      return { update: () => {}, end: () => {} };
    },
  });
  await decodeImages(collection, onFile);
  await decodeImages(collection, onFile);
  expect(labels).toEqual(['decode images']);
  const [rows] = (await cached('.rows')) as [string];
  await utimes(rows, new Date(0), new Date(0));
  await decodeImages(collection, onFile);
  await decodeImages(collection, onFile);
  expect(labels).toEqual(['decode images', 'check images']);
  expect((await stat(rows)).mtimeMs).toBe(0);
});

test('room is asked for before it is used', async () => {
  await expect(checkRoom(cache, 1e18, 0, () => {})).rejects.toThrow(
    /^decodeImages: expected room for 1000000000.00 GB of decoded images, got .* free; make room, or choose another directory \(cache, KD_CACHE\) or a smaller size\.$/,
  );
  await checkRoom(cache, 2e6, 1e6, (line) => lines.push(line));
  expect(lines).toEqual([expect.stringMatching(/^decoded images: 2\.0 MB in .* free, 1\.0 MB of/)]);
});

test('options out of range are refused', async () => {
  const collection = collectionOf(await pngs(1));
  const decode = (wrong: object) => decodeImages(collection, options(wrong));
  await expect(decode({ size: 0 })).rejects.toThrow(
    "decodeImages: expected size 1 to 8192 in pixels, or 'asGiven', got 0.",
  );
  await expect(decode({ channels: 2 })).rejects.toThrow('expected channels 1 or 3, got 2');
  await expect(decode({ workers: -1 })).rejects.toThrow('expected workers from 0 to 256, got -1');
  await expect(decodeImages(collectionOf([]), options())).rejects.toThrow(
    "decodeImages '/data/flowers/': expected images for training, got none.",
  );
});

test('hashes of bytes in pieces are those of hashPixels, whole and in blocks', async () => {
  const block = Uint8Array.from({ length: 2 ** 20 }, (_, at) => at % 251);
  for (const pieces of [3, 257]) {
    const hash = pixelHash();
    for (let piece = 0; piece < pieces; piece++) hash.update(block);
    const expected = await hashPixels(pieces * block.length, (from, to) => {
      const bytes = new Uint8Array(to - from);
      for (let at = 0; at < bytes.length; at += block.length) bytes.set(block, at);
      return bytes;
    });
    expect(hash.digest()).toBe(expected);
  }
});
