import { readFileSync } from 'node:fs';
import { temporaryDirectories } from '@kd/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { testHubs } from '../../../files/test/support/hubServer.ts';
import { loadImages, openImages } from '../../src/node/index.ts';

const createDirectory = temporaryDirectories();
const startHub = testHubs();
const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/parquet/${name}.parquet`, import.meta.url));
const [train, testRows] = [fixture('train'), fixture('test')];

beforeEach(() => {
  for (const name of ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_HUB_OFFLINE', 'HF_TOKEN'])
    vi.stubEnv(name, undefined);
  vi.stubEnv('HF_HOME', createDirectory());
});
afterEach(() => void vi.unstubAllEnvs());

type Files = Readonly<Record<string, Uint8Array>>;

async function use(files: Files, converted?: Files): Promise<void> {
  const hub = await startHub({ kind: 'dataset', files, ...(converted && { converted }) });
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
}

async function messageOf(source: string): Promise<string> {
  const { message } = await openImages(source).then(
    () => new Error('opened'),
    (error: Error) => error,
  );
  expect(message).not.toContain('\n');
  return message;
}

describe('a dataset on the hub', () => {
  test('is opened as its parquet files are, and offline', async () => {
    await use({
      'README.md': Buffer.from('---'),
      'data/train-00000-of-00001.parquet': train,
      'data/test-00000-of-00001.parquet': testRows,
    });
    const source = 'hf://datasets/kd/tiny';
    const { classNames, splits, warnings, source: given } = await openImages(source);
    expect({ classNames, warnings, given }).toEqual({
      classNames: ['daisy', 'rose'],
      warnings: [],
      given: source,
    });
    expect([...splits.train.labels]).toEqual([0, 1, 0, 1]);
    expect(splits.test?.count).toBe(2);
    expect(splits.train.nameOf(3)).toBe('row 3 of data/train-00000-of-00001.parquet');
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const { train: images } = await loadImages(source, { cache: createDirectory() });
    expect([...images.images.read(1)]).toEqual([20, 0, 235, 20, 0, 235, 20, 0, 235, 20, 0, 235]);
  });

  test("of other formats is opened in the hub's conversion, one configuration at a time", async () => {
    const converted = {
      'large/partial-train/0000.parquet': train,
      'small/train/0000.parquet': train,
      'small/test/0000.parquet': testRows,
    };
    await use({ 'train.zip': train }, converted);
    expect(await messageOf('hf://datasets/kd/tiny')).toBe(
      'hf://datasets/kd/tiny: expected parquet files of one dataset, got directories large, small; give the path of one: hf://datasets/kd/tiny/large.',
    );
    const small = await openImages('hf://datasets/kd/tiny/small');
    expect([small.splits.train.count, small.splits.test?.count]).toEqual([4, 2]);
    expect(small.warnings).toEqual([
      "hf://datasets/kd/tiny/small: these are the hub's own parquet files (refs/convert/parquet)",
    ]);
    const large = await openImages('hf://datasets/kd/tiny/large');
    expect(large.warnings).toContain(
      'hf://datasets/kd/tiny/large: partial-train is only the first part of a split',
    );
  });

  test('without parquet is refused with what is there and a remedy', async () => {
    await use({ 'README.md': train, 'images.zip': train });
    expect(await messageOf('hf://datasets/kd/tiny')).toBe(
      'hf://datasets/kd/tiny: expected parquet files in the repository or in refs/convert/parquet, got README.md, images.zip; download the repository, unpack its archives and give the folder of the pictures.',
    );
    await use({ 'train/data-00000-of-00001.arrow': train });
    expect(await messageOf(`hf://datasets/kd/tiny@main`)).toMatch(
      "got train/data-00000-of-00001.arrow; save it with to_parquet of Python's datasets and give the folder of these files.",
    );
    await use({ 'data/train.parquet': train });
    expect(await messageOf(`hf://datasets/kd/tiny/date`)).toBe(
      'hf://datasets/kd/tiny/date: expected parquet files below that path, got none; the repository has data/train.parquet; name a path of these, or hf://datasets/kd/tiny for all.',
    );
  });
});
