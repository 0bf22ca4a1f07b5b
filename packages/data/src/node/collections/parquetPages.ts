/**
 * The values of one column of a parquet file, decoded page by page: a row group may hold thousands
 * of images, a page about 1 MB. Pages are found by their headers, for the page index is optional
 * and most writers leave it out.
 * Layout: parquet-format 2.12, README and `parquet.thrift`.
 */
import { ensure, expectedError } from '@kd/core';
import { type ByteSource, readRange } from '@kd/files';
import { parquetHeader, readPage } from 'hyparquet/src/column.js';
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getSchemaPath } from 'hyparquet/src/schema.js';
import type { ColumnMetaData, FileMetaData, PageHeader } from 'hyparquet/src/types.js';
import { decompressors } from './parquetCompression.ts';

/** The values of a column without repetition: one for each row. */
export interface ParquetColumn {
  /** Name for messages: `train.parquet: image.bytes`. */
  readonly caller: string;
  /**
   * Reads the value of a row; null where it is absent. Neighbors are read without decoding again.
   * Bytes are views of a page.
   */
  read(row: number): unknown;
}

/** Largest page in bytes, decoded. Usual pages have 1 MB. */
const largestPage = 2 ** 30;
/** Largest header of a page in bytes; usual ones have 30. */
const largestHeader = 2 ** 20;

type Decoder = Parameters<typeof readPage>[2];
type Values = ArrayLike<unknown>;

/** A data page. */
interface Page {
  readonly header: PageHeader;
  /** Position of its content in the file. */
  readonly begin: number;
  /** First row in the file, and the row after the last. */
  readonly rows: readonly [from: number, to: number];
}

/** The part of a column in one row group. */
interface Chunk {
  readonly rows: readonly [from: number, to: number];
  readonly meta: ColumnMetaData;
  readonly decoder: Decoder;
}

/** A chunk whose pages have been found. */
interface OpenChunk extends Chunk {
  readonly pages: readonly Page[];
  /** May be as large as the chunk: pyarrow puts images into dictionaries too. */
  readonly dictionary: Values | undefined;
}

/**
 * Opens a column.
 * @param path Names from the top: `['image', 'bytes']`.
 * @param name Start of messages: the file's name.
 * @param textual Whether bytes without a type are text.
 */
export function parquetColumn(
  source: ByteSource,
  metadata: FileMetaData,
  path: readonly string[],
  name: string,
  textual: boolean,
): ParquetColumn {
  const caller = `${name}: ${path.join('.')}`;
  const chunks = listChunks(metadata, path, caller, textual);
  /** The two row groups that were read last: the images of a batch may lie on either side. */
  let open: readonly OpenChunk[] = [];
  /** The two pages that were read last. */
  let recent: { readonly page: Page; readonly values: Values }[] = [];
  return {
    caller,
    read(row) {
      let found = recent.find(({ page: { rows } }) => rows[0] <= row && row < rows[1]);
      if (found === undefined) {
        let chunk = open.find(({ rows }) => rows[0] <= row && row < rows[1]);
        if (chunk === undefined) {
          chunk = openChunk(source, findByRow(chunks, row), caller);
          open = [chunk, ...open.slice(0, 1)];
        }
        const page = findByRow(chunk.pages, row);
        found = { page, values: decodePage(source, chunk, page, caller) };
        recent = [found, ...recent.slice(0, 1)];
      }
      return unwrap(found.values[row - found.page.rows[0]]);
    },
  };
}

function listChunks(
  metadata: FileMetaData,
  path: readonly string[],
  caller: string,
  textual: boolean,
): readonly Chunk[] {
  const schemaPath = getSchemaPath(metadata.schema, [...path]);
  const element = (schemaPath.at(-1) as (typeof schemaPath)[number]).element;
  let row = 0;
  return metadata.row_groups.map(({ columns, num_rows }) => {
    const meta = columns.find(
      ({ meta_data }) => meta_data?.path_in_schema.join('\0') === path.join('\0'),
    )?.meta_data;
    ensure(meta !== undefined, caller, 'the column in every row group', 'none in one');
    const from = row;
    row += Number(num_rows);
    return {
      rows: [from, row],
      meta,
      decoder: {
        pathInSchema: [...path],
        type: meta.type,
        element,
        schemaPath,
        codec: meta.codec,
        parsers: DEFAULT_PARSERS,
        compressors: decompressors,
        utf8: textual,
      },
    };
  });
}

/** Lists the data pages of a chunk and reads its dictionary. */
function openChunk(source: ByteSource, chunk: Chunk, caller: string): OpenChunk {
  const { dictionary_page_offset: first, data_page_offset: data } = chunk.meta;
  const begin = Number(first || data);
  const end = begin + Number(chunk.meta.total_compressed_size);
  const place = `${caller}, bytes ${begin}–${end}`;
  ensure(
    0 < begin && begin < end && end <= source.length,
    place,
    `a part of the file's ${source.length} bytes`,
    'more',
    damaged,
  );
  const pages: Page[] = [];
  let dictionary: Values | undefined;
  let [row, last] = chunk.rows;
  for (let at = begin; at < end && row < last; ) {
    const { header, length } = readHeader(source, at, end, place);
    const content = at + length;
    at = content + header.compressed_page_size;
    const fits = at <= end && header.uncompressed_page_size <= largestPage;
    ensure(
      fits,
      place,
      `pages within, of at most ${largestPage} bytes`,
      `${header.compressed_page_size} bytes at ${content}, ${header.uncompressed_page_size} unpacked`,
      `${damaged}, or write it again with smaller pages`,
    );
    if (header.type === 'DICTIONARY_PAGE') {
      const stored = decode(source, chunk.decoder, undefined, header, content, place);
      dictionary = convert(stored as Parameters<typeof convert>[0], chunk.decoder);
      continue;
    }
    const rows = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_rows ?? 0;
    ensure(
      rows >= 0 && row + rows <= last,
      place,
      `${last - row} more rows`,
      `a page of ${rows}`,
      damaged,
    );
    if (rows > 0) pages.push({ header, begin: content, rows: [row, row + rows] });
    row += rows;
  }
  ensure(row === last, place, `pages up to row ${last}`, `up to ${row}`, damaged);
  return { ...chunk, pages, dictionary };
}

const damaged = 'the file is cut short or damaged: get it again';

/** Reads a header, whose length is known only from its content. */
function readHeader(
  source: ByteSource,
  at: number,
  end: number,
  place: string,
): { readonly header: PageHeader; readonly length: number } {
  for (let size = 128; ; size *= 8) {
    const bytes = readRange(source, at, Math.min(at + size, end));
    const reader = { view: new DataView(bytes.buffer), offset: 0 };
    try {
      const header = parquetHeader(reader);
      if (!isComplete(header)) throw new TypeError('a header with missing fields');
      return { header, length: reader.offset };
    } catch (cause) {
      if (size < largestHeader && at + size < end) continue;
      const { message } = cause as Error;
      throw Object.assign(expectedError(`${place}`, `a page at byte ${at}`, message, damaged), {
        cause,
      });
    }
  }
}

/** Whether the lengths are there: the decoders trust them. */
function isComplete(header: PageHeader): boolean {
  const { compressed_page_size: packed, uncompressed_page_size: size } = header;
  const { data_page_header: data, data_page_header_v2: second } = header;
  const levels =
    second === undefined
      ? []
      : [second.definition_levels_byte_length, second.repetition_levels_byte_length];
  const counts = [
    ...(data === undefined ? [] : [data.num_values]),
    ...(second === undefined ? [] : [second.num_values, second.num_rows, second.num_nulls]),
    ...(header.dictionary_page_header ? [header.dictionary_page_header.num_values] : []),
  ];
  return (
    [packed, size, ...levels, ...counts].every((n) => Number.isSafeInteger(n) && n >= 0) &&
    levels.reduce((sum, length) => sum + length, 0) <= Math.min(packed, size)
  );
}

function decodePage(
  source: ByteSource,
  { decoder, dictionary }: OpenChunk,
  page: Page,
  caller: string,
): Values {
  const [from, to] = page.rows;
  const place = `${caller}, rows ${from}–${to - 1}`;
  const values = decode(source, decoder, dictionary, page.header, page.begin, place);
  ensure(values.length === to - from, place, `${to - from} values`, values.length, damaged);
  return values;
}

function decode(
  source: ByteSource,
  decoder: Decoder,
  dictionary: Values | undefined,
  header: PageHeader,
  begin: number,
  place: string,
): Values {
  const bytes = readRange(source, begin, begin + header.compressed_page_size);
  const reader = { view: new DataView(bytes.buffer), offset: 0 };
  try {
    return readPage(reader, header, decoder, dictionary as never, undefined, 0).data ?? [];
  } catch (cause) {
    const { message } = cause as Error;
    throw Object.assign(expectedError(place, 'a page of values', message, damaged), { cause });
  }
}

/** Returns a value out of the lists that stand for the optional levels above it. */
function unwrap(value: unknown): unknown {
  let inner = value;
  while (Array.isArray(inner)) inner = inner[0];
  return inner ?? null;
}

function findByRow<Part extends { readonly rows: readonly [number, number] }>(
  parts: readonly Part[],
  row: number,
): Part {
  let [low, high] = [0, parts.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((parts[middle] as Part).rows[1] <= row) low = middle + 1;
    else high = middle;
  }
  return parts[low] as Part;
}
