import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ImageSplit } from '../../src/node/collections/imageCollection.ts';
import { openImages } from '../../src/node/index.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'kd-folder-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Writes files whose content is their path. */
async function write(...files: readonly string[]): Promise<void> {
  for (const file of files) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), file);
  }
}

function namesOf({ count, nameOf }: ImageSplit): string[] {
  return Array.from({ length: count }, (_, index) => nameOf(index));
}

async function messageOf(source = root): Promise<string> {
  const { message } = await openImages(source).then(
    () => new Error('opened'),
    (error: Error) => error,
  );
  expect(message).not.toContain('\n');
  return message.replaceAll(root, '<root>');
}

describe('a directory of classes', () => {
  test('numbers classes by code units, and images in natural order of their names', async () => {
    await write('b/10.png', 'b/9.JPG', 'a/2.jpeg', 'a/deep/er/11.webp', 'Z/1.png', 'Z/12.tif');
    const { classNames, splits, warnings, source } = await openImages(root);
    expect(classNames).toEqual(['Z', 'a', 'b']);
    expect(namesOf(splits.train)).toEqual([
      'Z/1.png',
      'a/2.jpeg',
      'b/9.JPG',
      'b/10.png',
      'a/deep/er/11.webp',
      'Z/12.tif',
    ]);
    expect([...splits.train.labels]).toEqual([0, 1, 2, 2, 1, 0]);
    expect(await splits.train.read(3)).toEqual({
      encoded: new Uint8Array(Buffer.from('b/10.png')),
    });
    expect({ warnings, source, rest: Object.keys(splits) }).toEqual({
      warnings: [],
      source: root,
      rest: ['train'],
    });
  });

  test('its version changes with a file, and not with the place of the directory', async () => {
    await write('a/1.png', 'a/2.png', 'b/1.png', 'b/2.png');
    const before = (await openImages(root)).splits.train.version;
    expect((await openImages(`${root}/`)).splits.train.version).toBe(before);
    await writeFile(path.join(root, 'a/1.png'), 'longer than before');
    expect((await openImages(root)).splits.train.version).not.toBe(before);
  });

  test('splits by the usual words; other files are counted, hidden ones are not', async () => {
    await write('train/a/1.png', 'train/a/2.png', 'train/b/1.png', 'train/b/2.png');
    await write('val/a/1.png', 'val/b/1.png', 'Testing/a/1.png', 'train/a/notes.txt');
    await write('train/a/.DS_Store', 'train/a/Thumbs.db', 'docs/readme.md');
    const { splits, warnings } = await openImages(root);
    expect(Object.keys(splits)).toEqual(['train', 'validation', 'test']);
    expect(namesOf(splits.test as ImageSplit)).toEqual(['Testing/a/1.png']);
    expect(warnings).toEqual([
      'beside Testing, train, val, docs is left aside',
      '1 other file is left aside',
      'no test images of b',
    ]);
  });

  test('a class may be called train where no other split is there', async () => {
    await write('train/1.png', 'train/2.png', 'bus/1.png', 'bus/2.png');
    expect((await openImages(root)).classNames).toEqual(['bus', 'train']);
  });

  test('images in a directory unlabelled have no label', async () => {
    await write('a/1.png', 'a/2.png', 'b/3.png', 'b/4.png', 'unlabelled/0.png');
    const { splits, classNames } = await openImages(root);
    expect(classNames).toEqual(['a', 'b']);
    expect([...splits.train.labels]).toEqual([-1, 0, 0, 1, 1]);
  });

  test('a class of one image, and a class without any, are said', async () => {
    await write('a/1.png', 'a/2.png', 'b/1.png');
    await mkdir(path.join(root, 'c'));
    const { classNames, warnings } = await openImages(root);
    expect(classNames).toEqual(['a', 'b']);
    expect(warnings).toEqual(['no pictures in c: left out', 'one training image only of b']);
  });
});

describe('symbolic links', () => {
  test('are followed inside the directory, and a loop ends', async () => {
    await write('a/1.png', 'b/2.png', 'b/3.png');
    await symlink(path.join(root, 'b/2.png'), path.join(root, 'a/2.png'));
    await symlink(root, path.join(root, 'a/loop'));
    expect(namesOf((await openImages(root)).splits.train)).toEqual([
      'a/1.png',
      'a/2.png',
      'b/2.png',
      'b/3.png',
    ]);
  });

  test('are refused where they lead out', async () => {
    await write('in/a/1.png', 'in/b/1.png', 'out.png');
    await symlink(path.join(root, 'out.png'), path.join(root, 'in/a/2.png'));
    expect(await messageOf(path.join(root, 'in'))).toBe(
      "openImages '<root>/in': expected symbolic links that stay inside <root>/in, got a/2.png, which leads to <root>/out.png; copy the file into the directory, or remove the link.",
    );
  });
});

describe('what cannot be trained on is refused', () => {
  const layout = 'one directory for each class, with its pictures: cats/1.jpg, dogs/2.jpg';
  test.each([
    [
      'an empty directory',
      [],
      `expected ${layout}, got no directory in it; make one for each class and put its pictures there.`,
    ],
    [
      'pictures without classes',
      ['1.png', '2.png'],
      `expected ${layout}, got 2 pictures in the directory itself, such as 1.png; move them into directories named after their classes, or list them in labels.csv.`,
    ],
    [
      'one class',
      ['a/1.png', 'a/2.png'],
      'expected at least two classes, got one, a; add another class, or, if the classes are directories in a, give its path.',
    ],
    [
      'classes that differ in case',
      ['Cat/1.png', 'cat/2.png'],
      'expected class names that differ by more than upper and lower case, got Cat and cat; they are one directory on other systems: merge or rename one.',
    ],
    [
      'no pictures',
      ['a/1.txt', 'b/2.doc'],
      'expected pictures (jpg, png, webp, avif, gif, tif) in the class directories, got none.',
    ],
    [
      'a class that is only tested',
      ['train/a/1.png', 'train/b/1.png', 'test/a/1.png', 'test/z/1.png'],
      'expected every class among the training images, got none of z; add some, or remove the class from the other splits.',
    ],
    [
      'two directories of one split',
      ['train/a/1.png', 'val/a/1.png', 'valid/a/1.png'],
      'expected one directory for the validation split, got val and valid.',
    ],
  ])('%s', async (_, files, message) => {
    await write(...files);
    expect(await messageOf()).toBe(`openImages '<root>': ${message}`);
  });

  test('a path that is not there, an address, and another kind of file', async () => {
    await write('notes.txt', 'flowers.tgz');
    const wanted =
      'a directory with a directory for each class; .parquet, .npz, .npy, .csv, .tar or IDX files; cifar-100-….tar.gz; hf://datasets/…';
    expect(await messageOf(path.join(root, 'none'))).toBe(
      `openImages '<root>/none': expected ${wanted}, got no such file or directory; check the path.`,
    );
    expect(await messageOf(path.join(root, 'notes.txt'))).toBe(
      `openImages '<root>/notes.txt': expected ${wanted}, got notes.txt.`,
    );
    expect(await messageOf(path.join(root, 'flowers.tgz'))).toBe(
      `openImages '<root>/flowers.tgz': expected ${wanted}, got flowers.tgz; unpack it, and give the directory.`,
    );
    expect(await messageOf('https://example.org/a.zip')).toBe(
      `openImages 'https://example.org/a.zip': expected ${wanted}, got an address; download it first.`,
    );
  });
});
