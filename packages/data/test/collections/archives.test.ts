import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StoredImage } from '../../src/node/collections/imageCollection.ts';
import { openImages } from '../../src/node/index.ts';
import { interleaved, pickledBatch, sampleImages, tarGz } from '../support/archives.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'kd-archives-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const file = path.join(root, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

async function messageOf(source: string): Promise<string> {
  const { message } = await openImages(source).then(
    () => new Error('opened'),
    (error: Error) => error,
  );
  expect(message).not.toContain('\n');
  return message.replaceAll(root, '<root>');
}

function encoded(image: StoredImage): string {
  return 'encoded' in image ? Buffer.from(image.encoded).toString() : 'pixels';
}

function pixels(image: StoredImage): Uint8Array {
  return 'pixels' in image ? image.pixels : new Uint8Array();
}

describe('tables of files and labels', () => {
  test('names and splits, with endings that are left out', async () => {
    await write('img/a 1.jpg', 'one');
    await write('img/b.png', 'two');
    await write('img/c.png', 'three');
    const lines = [
      '\ufeffimage_id;label;split',
      'img/a 1;rot;train',
      '"img/b.png";grün;train',
      'img/c;rot;test',
    ];
    await write('labels.csv', lines.join('\r\n'));
    const { classNames, splits, source } = await openImages(root);
    expect({ classNames, source }).toEqual({ classNames: ['grün', 'rot'], source: root });
    expect([...splits.train.labels]).toEqual([1, 0]);
    expect([...(splits.test?.labels ?? [])]).toEqual([1]);
    expect(encoded(await splits.train.read(0))).toBe('one');
    expect(splits.train.nameOf(0)).toBe('img/a 1.jpg');
  });

  test('numbers from 1, and no label', async () => {
    for (const name of ['1.png', '2.png', '3.png', '4.png']) await write(name, name);
    const table = await write('t.tsv', 'file\tclass\n1.png\t1\n2.png\t2\n3.png\t\n4.png\t2\n');
    const { classNames, splits, warnings } = await openImages(table);
    expect(classNames).toEqual(['1', '2']);
    expect([...splits.train.labels]).toEqual([0, 1, -1, 1]);
    expect(warnings).toEqual([
      `${table}: class: labels start at 1; class 1 is number 0 here, and so on`,
      'one training image only of 1',
    ]);
  });

  test.each([
    [
      'a file that is not there',
      'file,label\n1.png,a\nnone.png,b\n',
      '<root>/t.csv: expected the files that it lists, below <root>, got none at none.png (line 3); paths are taken from the directory of the table.',
    ],
    [
      'a path that leads out',
      'file,label\n../1.png,a\n',
      '<root>/t.csv, line 2: expected a path below <root>, got ../1.png; place the table above its pictures, with paths from there.',
    ],
    [
      'a file twice',
      'file,label\n1.png,a\n1.png,b\n',
      '<root>/t.csv, line 3: expected each file once, got 1.png again, as in line 2; remove one of the lines.',
    ],
    [
      'a column that is missing',
      'file,colour\n1.png,a\n',
      '<root>/t.csv: expected a column of labels (label, labels, class, class_name, category, target, y), got [file, colour]; name one of these with labelColumn (--label-column).',
    ],
    [
      'one class',
      'file,label\n1.png,a\n2.png,a\n',
      '<root>/t.csv: label: expected at least two classes, got [a].',
    ],
  ])('%s is refused', async (_, table, message) => {
    await write('1.png', 'x');
    await write('2.png', 'y');
    expect(await messageOf(await write('t.csv', table))).toBe(message);
  });
});

describe('tar shards', () => {
  const shard = (files: Readonly<Record<string, string>>) =>
    packTar(
      Object.entries(files).map(([name, body]) => ({
        header: { name, size: body.length, mtime: new Date(0) },
        body,
      })),
    );

  test('files of one key are an image and its label', async () => {
    const long = `${'long/'.repeat(30)}name`;
    await write(
      'train-000000.tar',
      await shard({ 'a1.jpg': 'A1', 'a1.cls': '3', 'a2.png': 'A2', 'a2.cls': '5\n' }),
    );
    await write(
      'train-000001.tar',
      await shard({ [`${long}.json`]: '{"label": 3}', [`${long}.seg.png`]: 'A3', 'x.txt': '5' }),
    );
    await write('val-000000.tar', await shard({ 'v.jpg': 'V', 'v.cls': '4' }));
    const { classNames, splits, warnings } = await openImages(root);
    expect(classNames).toEqual(['3', '4', '5']);
    expect([...splits.train.labels]).toEqual([0, 2, 0]);
    expect(encoded(await splits.train.read(2))).toBe('A3');
    expect(splits.train.nameOf(0)).toBe('a1.jpg of train-000000.tar');
    expect([...(splits.validation?.labels ?? [])]).toEqual([1]);
    expect(warnings).toContain('train-000001.tar: 1 keys have no image');
    const range = await openImages(path.join(root, 'train-{000000..000001}.tar'));
    expect(range.splits.train.count).toBe(3);
  });

  test('one that is cut short is refused by name', async () => {
    const whole = await shard({ 'a.jpg': 'A'.repeat(2000), 'a.cls': '0' });
    const file = await write('cut.tar', whole.subarray(0, 1600));
    expect(await messageOf(file)).toBe(
      'cut.tar: expected 2000 bytes of a.jpg, got 1088; the archive is cut short: get it again.',
    );
  });
});

describe('IDX files', () => {
  const idx = (shape: number[], bytes: number[]) => {
    const head = Buffer.alloc(4 + 4 * shape.length);
    head.set([0, 0, 8, shape.length]);
    for (const [side, length] of shape.entries()) head.writeUInt32BE(length, 4 + 4 * side);
    return Buffer.concat([head, Buffer.from(bytes)]);
  };

  test('images with the labels beside them, compressed or not', async () => {
    const images = [1, 2, 3, 4, 101, 102, 103, 104];
    await write('train-images-idx3-ubyte.gz', gzipSync(idx([2, 2, 2], images)));
    await write('train-labels-idx1-ubyte', idx([2], [7, 0]));
    await write('t10k-images.idx3-ubyte', idx([1, 2, 2], [9, 9, 9, 255]));
    await write('t10k-labels.idx1-ubyte', idx([1], [7]));
    const { classNames, splits } = await openImages(root);
    expect(classNames).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    expect([...splits.train.labels]).toEqual([7, 0]);
    expect(await splits.train.read(1)).toEqual({
      pixels: Uint8Array.of(101, 102, 103, 104),
      shape: [2, 2, 1],
    });
    expect(pixels((await splits.test?.read(0)) as StoredImage)).toEqual(
      Uint8Array.of(9, 9, 9, 255),
    );
  });

  test('a file that is cut short, and one without labels', async () => {
    await write('train-images-idx3-ubyte', idx([2, 2, 2], [1, 2, 3]));
    expect(await messageOf(root)).toBe(
      '<root>: train-images-idx3-ubyte: expected its labels beside it, got [train-images-idx3-ubyte]; train-labels-idx1-ubyte.',
    );
    await write('train-labels-idx1-ubyte', idx([2], [0, 1]));
    expect(await messageOf(root)).toBe(
      'train-images-idx3-ubyte: expected 8 bytes of numbers ([2, 2, 2]), got 3; the file is cut short or damaged: get it again.',
    );
  });
});

describe('CIFAR-100', () => {
  const names = (count: number, kind: string) =>
    Array.from({ length: count }, (_, label) => `${kind} ${label}\n`).join('');
  const records = (file: number) =>
    Buffer.concat(
      sampleImages(file).flatMap(({ label, planes }) => [Buffer.of(label + 5, label + 60), planes]),
    );
  const binary = () =>
    tarGz({
      'cifar-100-binary/train.bin': records(1),
      'cifar-100-binary/test.bin': records(2),
      'cifar-100-binary/fine_label_names.txt': Buffer.from(names(100, 'fine')),
      'cifar-100-binary/coarse_label_names.txt': Buffer.from(names(20, 'coarse')),
    });

  test('fine labels, or coarse ones by labelColumn', async () => {
    const file = await write('cifar-100-binary.tar.gz', await binary());
    const fine = await openImages(file);
    expect(fine.classNames[99]).toBe('fine 99');
    const [first, second] = sampleImages(1) as [never, never];
    const labels = sampleImages(1).map(({ label }) => label);
    expect([...fine.splits.train.labels]).toEqual(labels.map((label) => label + 60));
    expect(pixels(await fine.splits.train.read(0))).toEqual(interleaved(first));
    expect(pixels(await fine.splits.train.read(1))).toEqual(interleaved(second));
    const coarse = await openImages(file, { labelColumn: 'coarse_label' });
    expect(coarse.classNames).toHaveLength(20);
    expect([...coarse.splits.train.labels]).toEqual(labels.map((label) => label + 5));
    await expect(openImages(file, { labelColumn: 'breed' })).rejects.toThrow(
      'expected labelColumn (--label-column) fine_label or coarse_label, got breed.',
    );
  });

  test('a python archive without its names is refused', async () => {
    const batch = pickledBatch(sampleImages(1), 1);
    const file = await write(
      'cifar-100-python.tar.gz',
      await tarGz({ 'cifar-100-python/train': batch, 'cifar-100-python/test': batch }),
    );
    expect(await messageOf(file)).toBe(
      '<root>/cifar-100-python.tar.gz: expected the file meta, got [train, test].',
    );
  });
});
