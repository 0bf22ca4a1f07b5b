import { describe, expect, test } from 'vitest';
import type { DataInspectionRecord, PictureRecord, SplitName } from '../src/dataInspection.ts';
import { formatDataInspection } from '../src/dataInspection.ts';
import { renderDataPage } from '../src/page/dataPage.ts';
import { pngDataUri } from '../src/page/png.ts';
import { parseDataInspection } from '../src/parseDataInspection.ts';

const png = await pngDataUri(new Uint8Array(4 * 4 * 3).fill(90), [4, 4, 3]);

function pictureOf(split: SplitName, label: number, name: string): PictureRecord {
  return { split, name, label, png, height: 4, width: 4 };
}

function sample(more: Partial<DataInspectionRecord> = {}): DataInspectionRecord {
  const size = { height: 4, width: 4 };
  return {
    format: 1,
    source: './pets',
    classNames: ['cat', 'dog <b>'],
    splits: [
      {
        split: 'train',
        images: 30,
        decoded: 29,
        classCounts: [20, 9],
        unlabelled: 1,
        mean: [0.49139, 0.48216, 0.44653],
        std: [0.247, 0.2435, 0.2616],
      },
      {
        split: 'test',
        images: 5,
        decoded: 5,
        classCounts: [5, 0],
        unlabelled: 0,
        mean: [0.5],
        std: [0.1],
      },
    ],
    sizes: {
      smallest: size,
      median: size,
      largest: { height: 6, width: 9 },
      different: 2,
      list: [
        { ...size, images: 33 },
        { height: 6, width: 9, images: 1 },
      ],
    },
    formats: [{ what: 'PNG, RGB, 8 bits', images: 34 }],
    conversions: [{ what: 'turned by its EXIF orientation', images: 2 }],
    broken: {
      images: 1,
      list: [{ split: 'train', name: 'cat/"x".png', reason: 'expected a picture, got <script>' }],
    },
    duplicates: {
      within: { train: 1 },
      between: [{ first: 'train', second: 'test', images: 2 }],
      conflicts: 1,
      pairs: [
        { first: pictureOf('train', 0, 'cat/1.png'), second: pictureOf('test', 1, 'dog/2.png') },
      ],
    },
    uniform: { images: 1, list: [pictureOf('train', -1, 'x.png')] },
    pictures: [pictureOf('train', 0, 'cat/1.png'), pictureOf('train', -1, 'x.png')],
    warnings: ['2 images of test are in train too.'],
    problems: [],
    ...more,
  };
}

describe('the page of a set of images', () => {
  test('shows classes, numbers, duplicates and broken files, and loads nothing', () => {
    const page = renderDataPage(sample());
    expect(page).toContain(
      '30 images of 2 classes for training, 5 for testing; 4 × 4 to 9 × 6 pixels, the median 4 × 4.',
    );
    expect(page).toContain('0.4914, 0.4822, 0.4465');
    expect(page).toContain('2 images of test are in train too; 1 image of train repeats another');
    expect(page).toContain('<em class="wrong">two labels</em>');
    expect(page).toContain('turned by its EXIF orientation: 2');
    expect(page).toContain('1 of 2 classes are not shown.');
    expect(page).toContain('got &#60;script&#62;');
    expect(page).not.toMatch(/<script|<b>dog|dog <b>|https?:\/\/(?!www\.w3\.org)/);
    expect(page.match(/src="(?!data:image\/png;base64,)/)).toBeNull();
  });

  test('leaves out what there is not', () => {
    const page = renderDataPage(
      sample({
        broken: { images: 0, list: [] },
        duplicates: { within: {}, between: [], conflicts: 0, pairs: [] },
        uniform: { images: 0, list: [] },
        warnings: [],
      }),
    );
    expect(page).not.toMatch(/<h2>(Duplicates|Images that|Images of one)/);
    expect(page).not.toContain('class="notice"');
  });

  test('of 1,000 classes stays below 5 MB', async () => {
    const classes = 1000;
    // As many pictures of noise, which no PNG makes smaller, as an inspection draws.
    const side = 24;
    let state = 1;
    const noise = Uint8Array.from({ length: side * side * 3 }, () => {
      state = (Math.imul(state, 69069) + 1) >>> 0;
      return state >>> 24;
    });
    const uri = await pngDataUri(noise, [side, side, 3]);
    const pictures = Array.from({ length: Math.floor(3_100_000 / noise.length) }, (_, at) => {
      const label = Math.floor(at / 10);
      return { ...pictureOf('train', label, `n${label}/${at}.JPEG`), png: uri };
    });
    const names = Array.from(
      { length: classes },
      (_, label) => `n${label}, a class of a long name`,
    );
    const [train] = sample().splits;
    if (train === undefined) throw new Error('no split');
    const counts = { classCounts: names.map(() => 1300), images: 1_300_000 };
    const record = sample({
      classNames: names,
      pictures,
      splits: [
        { ...train, ...counts },
        { ...train, ...counts, split: 'test' },
      ],
    });
    const page = renderDataPage(record);
    expect(Buffer.byteLength(page)).toBeGreaterThan(3_000_000);
    expect(Buffer.byteLength(page)).toBeLessThan(5_000_000);
    expect(page).toContain('960 more');
    expect(page).toContain('classes are not shown.');
  });
});

describe('data.json', () => {
  const parseWith = (change: object) =>
    parseDataInspection(JSON.stringify({ ...sample(), ...change }), 'data.json');

  test('is read as it was written', () => {
    expect(parseDataInspection(formatDataInspection(sample()), 'data.json')).toEqual(sample());
  });

  const picture = pictureOf('train', 0, 'a.png');
  test.each<[object, string]>([
    [{ format: 2 }, 'data.json: expected an inspection of images of format 1, got format 2'],
    [{ source: 7 }, 'data.json: source: expected a text, got 7.'],
    [{ classNames: ['a'] }, 'data.json: splits[0].classCounts: expected 1 numbers, got 2.'],
    [{ splits: {} }, 'data.json: splits: expected a list, got an object.'],
    [{ problems: undefined }, 'data.json: problems: expected a list, got nothing.'],
    [{ warnings: [1] }, 'data.json: warnings[0]: expected a text, got 1.'],
    [{ broken: { images: -1, list: [] } }, 'broken.images: expected a number ≥ 0, got -1.'],
    [{ pictures: [{ ...picture, label: 0.5 }] }, 'pictures[0].label: expected a whole number ≥ −1'],
    [{ pictures: [{ ...picture, split: 'dev' }] }, 'pictures[0].split: expected one of train, val'],
    [
      { pictures: [{ ...picture, png: 'https://example.org/a.png' }] },
      'data.json: pictures[0].png: expected a PNG as data URI',
    ],
    [
      { pictures: [{ ...picture, png: 'data:image/png;base64,AA" onload="x' }] },
      'data.json: pictures[0].png: expected a PNG as data URI',
    ],
  ])('with %j is refused', (change, message) => {
    expect(() => parseWith(change)).toThrow(message);
  });

  test('of other text is refused', () => {
    expect(() => parseDataInspection('[]', 'data.json')).toThrow('data.json: expected');
    expect(() => parseDataInspection('{', 'data.json')).toThrow('data.json: expected');
  });
});
