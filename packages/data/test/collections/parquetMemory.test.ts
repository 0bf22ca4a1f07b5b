import { cpSync } from 'node:fs';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ByteSource } from '@kd/files';
import { temporaryDirectories } from '@kd/testing';
import type { FileMetaData } from 'hyparquet';
import { expect, test } from 'vitest';
import { parquetColumn } from '../../src/node/collections/parquetPages.ts';
import { openImages } from '../../src/node/index.ts';

const createDirectory = temporaryDirectories();
/** Eight row groups of an image of 4 MiB, each a dictionary as pyarrow writes it. */
const blank = new URL('../fixtures/parquet/blank.parquet', import.meta.url).pathname;

/** Returns the bytes of buffers that are still in use. */
function countBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().arrayBuffers;
}

test('of all row groups and shards no more than a few pages are kept', async () => {
  const [root, shards] = [createDirectory(), 4];
  for (let at = 0; at < shards; at++)
    cpSync(blank, path.join(root, `train-0000${at}-of-0000${shards}.parquet`));
  const { train } = (await openImages(root)).splits;
  const before = countBytes();
  for (let index = 0; index < train.count; index++) {
    const image = await train.read(index);
    expect('encoded' in image ? image.encoded.length : 0).toBe(2 ** 22);
  }
  expect(train.count).toBe(8 * shards);
  expect(countBytes() - before).toBeLessThan(6 * 2 ** 22);
});

test('of a large file a page is read and the headers of its row group', async () => {
  const [valueLength, perPage, perGroup, groups] = [2 ** 18, 4, 8, 128];
  const values = Array.from({ length: perPage }, (_, at) => {
    const value = Buffer.alloc(4 + valueLength, at + 1);
    value.writeUInt32LE(valueLength);
    return value;
  });
  const content = Buffer.concat(values);
  // PageHeader of parquet.thrift in the compact protocol: plain values, not compressed.
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
  const field = (value: number) => [0x15, ...varint(2 * value)];
  const size = field(content.length);
  const counts = [...field(perPage), ...field(0), ...field(3), ...field(3)];
  const header = Buffer.from([...field(0), ...size, ...size, 0x2c, ...counts, 0, 0]);
  const page = Buffer.concat([header, content]);

  let [total, largest] = [0, 0];
  const source: ByteSource = {
    length: 4 + page.length * perGroup * groups,
    fill(target, start) {
      [total, largest] = [total + target.length, Math.max(largest, target.length)];
      for (let at = 0; at < target.length; ) {
        const part = page.subarray((start - 4 + at) % page.length).subarray(0, target.length - at);
        target.set(part, at);
        at += part.length;
      }
    },
  };
  const chunkBytes = page.length * perGroup;
  const metadata = {
    schema: [
      { name: 'schema', num_children: 1 },
      { name: 'image', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED' },
    ],
    row_groups: Array.from({ length: groups }, (_, at) => ({
      columns: [
        {
          meta_data: {
            type: 'BYTE_ARRAY',
            path_in_schema: ['image'],
            codec: 'UNCOMPRESSED',
            data_page_offset: BigInt(4 + at * chunkBytes),
            total_compressed_size: BigInt(chunkBytes),
          },
        },
      ],
      num_rows: BigInt(perPage * perGroup),
    })),
  } as unknown as FileMetaData;
  const column = parquetColumn(source, metadata, ['image'], 'large.parquet', false);
  const rows = perPage * perGroup * groups;
  expect(source.length).toBeGreaterThan(2 ** 30);
  for (const row of [rows - 1, rows - 2, 0, 1, 2, 3]) {
    const value = column.read(row) as Uint8Array;
    expect([value.length, value[0]]).toEqual([valueLength, (row % perPage) + 1]);
  }
  expect(largest).toBe(content.length);
  expect(total).toBeLessThanOrEqual(2 * content.length + 2 * perGroup * 128);
});
