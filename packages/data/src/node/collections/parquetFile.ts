import { ensure, expectedError } from '@kd/core';
import { type ByteSource, isRecord, readRange } from '@kd/files';
import { fileByteSource, hashBytes } from '@kd/files/node';
import {
  type ColumnChunk,
  type FileMetaData,
  parquetMetadata,
  parquetSchema,
  type SchemaTree,
} from 'hyparquet';
import { type ParquetColumn, parquetColumn } from './parquetPages.ts';

/** What a column at the top of a parquet file holds. */
export type ColumnKind = 'image' | 'bytes' | 'text' | 'integer' | 'boolean' | 'number' | 'other';

/** A column at the top of a file. */
export interface TopColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  /** What `datasets` notes about it: `Image`, `ClassLabel`; undefined: nothing. */
  readonly feature: string | undefined;
  /** Names of a `ClassLabel`. */
  readonly classNames: readonly string[] | undefined;
}

/** A parquet file of which the footer has been read. */
export interface ParquetFile {
  /** Path below the collection's root, for messages. */
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly TopColumn[];
  /** sha256 of the footer, in hexadecimal. */
  readonly footerHash: string;
  /** Opens a column of plain values, or the part of an image column: `bytes`, `path`. */
  column(name: string, part?: 'bytes' | 'path'): ParquetColumn;
  /** Whether an image column has a part. */
  hasPart(name: string, part: 'bytes' | 'path'): boolean;
}

/** Largest footer in bytes. One of 10,000 row groups has some 10 MB. */
const largestFooter = 2 ** 28;

/**
 * Opens a parquet file: only its footer is read.
 * @param name Start of messages: path below the collection's root.
 * @throws RangeError that names the file if it is none, cut short or encrypted.
 */
export function openParquetFile(path: string, name: string): ParquetFile {
  const source = fileByteSource(path, name);
  const footer = readFooter(source, name);
  const metadata = parseFooter(footer, name);
  const tree = parquetSchema(metadata);
  const features = readFeatures(metadata, name);
  const columns = tree.children.map((column) => topColumn(column, features));
  const rows = metadata.row_groups.reduce((sum, { num_rows }) => sum + Number(num_rows), 0);
  ensure(
    Number.isSafeInteger(rows) && metadata.row_groups.every(({ num_rows }) => num_rows >= 0n),
    name,
    'a number of rows',
    rows,
  );
  return {
    name,
    rows,
    columns,
    footerHash: hashBytes([footer], 'sha256'),
    column(column, part) {
      const kind = columns.find((other) => other.name === column)?.kind;
      const textual = kind === 'text' || part === 'path';
      return parquetColumn(source, metadata, part ? [column, part] : [column], name, textual);
    },
    hasPart: (column, part) =>
      tree.children
        .find(({ element }) => element.name === column)
        ?.children.some(({ element }) => element.name === part) === true,
  };
}

function readFooter(source: ByteSource, name: string): Uint8Array<ArrayBuffer> {
  const remedy = 'the file is cut short or something else: get it again';
  ensure(source.length >= 12, name, 'a parquet file', `${source.length} bytes`, remedy);
  const tail = readRange(source, source.length - 8, source.length);
  const mark = String.fromCharCode(...tail.subarray(4));
  ensure(
    mark !== 'PARE',
    name,
    'a parquet file that is not encrypted',
    'an encrypted one',
    'decrypt it',
  );
  ensure(mark === 'PAR1', name, 'a parquet file, which ends with PAR1', 'another end', remedy);
  const length = new DataView(tail.buffer).getUint32(0, true);
  const fits = length <= largestFooter && length + 12 <= source.length;
  ensure(fits, name, `a footer within ${source.length} bytes`, `one of ${length}`, remedy);
  return readRange(source, source.length - length - 8, source.length);
}

function parseFooter(footer: Uint8Array<ArrayBuffer>, name: string): FileMetaData {
  try {
    const metadata = parquetMetadata(footer, { geoparquet: false });
    if (!isComplete(metadata)) throw new TypeError('one with missing fields');
    parquetSchema(metadata);
    return metadata;
  } catch (cause) {
    const { message } = cause as Error;
    throw Object.assign(
      expectedError(name, 'a parquet footer', message, 'the file is damaged: get it again'),
      { cause },
    );
  }
}

/** Whether the fields that are read later are there and of their types. */
function isComplete({ schema, row_groups: groups }: FileMetaData): boolean {
  return (
    schema.every(({ name }) => typeof name === 'string') &&
    groups.every(
      ({ num_rows, columns }) => typeof num_rows === 'bigint' && columns.every(isCompleteColumn),
    )
  );
}

function isCompleteColumn({ meta_data: meta }: ColumnChunk): boolean {
  if (meta === undefined) return true;
  const positions = [meta.data_page_offset, meta.total_compressed_size];
  if (meta.dictionary_page_offset !== undefined) positions.push(meta.dictionary_page_offset);
  return (
    positions.every((position) => typeof position === 'bigint') &&
    meta.path_in_schema.every((name) => typeof name === 'string')
  );
}

/** Reads what `datasets` notes about the columns under the key `huggingface`. */
function readFeatures(metadata: FileMetaData, name: string): Readonly<Record<string, unknown>> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  if (text === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    const info = isRecord(parsed) ? parsed.info : undefined;
    const features = isRecord(info) ? info.features : undefined;
    return isRecord(features) ? features : {};
  } catch (cause) {
    const { message } = cause as Error;
    throw Object.assign(expectedError(name, "JSON under the footer's key 'huggingface'", message), {
      cause,
    });
  }
}

function topColumn(tree: SchemaTree, features: Readonly<Record<string, unknown>>): TopColumn {
  const { name } = tree.element;
  const feature = Object.hasOwn(features, name) ? features[name] : undefined;
  const type = isRecord(feature) && typeof feature._type === 'string' ? feature._type : undefined;
  const isLabel = type === 'ClassLabel' && isRecord(feature);
  const names = isLabel && Array.isArray(feature.names) ? feature.names.map(String) : undefined;
  return { name, kind: kindOf(tree), feature: type, classNames: names };
}

function kindOf({ element, children }: SchemaTree): ColumnKind {
  const { type, repetition_type: repetition, converted_type: converted, logical_type } = element;
  if (repetition === 'REPEATED') return 'other';
  if (children.length > 0) {
    const bytes = children.find((child) => child.element.name === 'bytes');
    return bytes !== undefined && kindOf(bytes) === 'bytes' ? 'image' : 'other';
  }
  const isText = ['UTF8', 'ENUM'].includes(converted ?? '') || logical_type?.type === 'STRING';
  if (type === 'BYTE_ARRAY') {
    if (isText) return 'text';
    return converted === undefined && logical_type === undefined ? 'bytes' : 'other';
  }
  if (type === 'BOOLEAN') return 'boolean';
  const plain = converted === undefined || /^U?INT_/.test(converted);
  if ((type === 'INT32' || type === 'INT64') && plain && logical_type?.type !== 'TIME')
    return logical_type === undefined || logical_type.type === 'INTEGER' ? 'integer' : 'other';
  return type === 'FLOAT' || type === 'DOUBLE' ? 'number' : 'other';
}
