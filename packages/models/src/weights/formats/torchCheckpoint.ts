import { ensure } from '@kd/core';
import { type ByteSource, bytesPerElement, readRange, type ZipEntry, zipEntries } from '@kd/files';
import { unpickle } from '@kd/files/pickle';
import { dtypeOf, type StorageRecord, torchUnpickler } from './torchUnpickler.ts';

/** A file of `torch.save`: the unpickled object, and the locations of the values. */
export interface TorchCheckpoint {
  /** `torch zip` or `torch legacy`. */
  readonly format: string;
  readonly root: unknown;
  readonly storages: Storages;
}

/** The locations of storages in a file. */
export interface Storages {
  readonly source: ByteSource;
  /** Size in bytes of a storage in the file; undefined if the file has none with this key. */
  bytesOf(key: string): number | undefined;
  /** Byte offset of a storage in the file. */
  beginOf(key: string): number;
}

interface StorageLocation {
  readonly begin: number;
  readonly size: number;
}

/**
 * Reads a file of `torch.save` since PyTorch 1.6: a zip archive with `<name>/data.pkl` and one
 * entry `<name>/data/<key>` for each storage.
 * @throws RangeError on another archive, such as one of TorchScript.
 */
export function readZipCheckpoint(source: ByteSource, fileName: string): TorchCheckpoint {
  const entries = zipEntries(source, fileName);
  const pickles = [...entries.keys()].filter(
    (name) => name === 'data.pkl' || /^[^/]+\/data\.pkl$/.test(name),
  );
  const [pickleName] = pickles;
  ensure(
    pickleName !== undefined && pickles.length === 1,
    fileName,
    'a zip archive of torch.save, with one data.pkl',
    `${pickles.length} of them`,
  );
  const directory = pickleName.slice(0, -'data.pkl'.length);
  const isScript =
    entries.has(`${directory}constants.pkl`) ||
    [...entries.keys()].some((name) => name.startsWith(`${directory}code/`));
  ensure(
    !isScript,
    fileName,
    'a state dict',
    'a TorchScript archive',
    'in Python: torch.save(torch.jit.load(path).state_dict(), …)',
  );
  const order = readText(source, entries.get(`${directory}byteorder`)) ?? 'little';
  ensure(
    order === 'little',
    fileName,
    'little-endian values (byteorder little)',
    JSON.stringify(order),
    'save it anew on another machine',
  );

  const pickle = entries.get(pickleName) as ZipEntry;
  const { begin, end } = pickle.storedRange();
  const { value } = unpickle(truncate(source, end), fileName, torchUnpickler(fileName), begin);
  const storageEntry = (key: string) => entries.get(`${directory}data/${key}`);
  return {
    format: 'torch zip',
    root: value,
    storages: {
      source,
      bytesOf: (key) => storageEntry(key)?.size,
      beginOf: (key) => (storageEntry(key) as ZipEntry).storedRange().begin,
    },
  };
}

/** The source, cut off at `end`: a pickle may not run into the next entry. */
function truncate(source: ByteSource, end: number): ByteSource {
  return { length: end, fill: source.fill };
}

function readText(source: ByteSource, entry: ZipEntry | undefined): string | undefined {
  if (entry === undefined) return undefined;
  const { begin, end } = entry.storedRange();
  return new TextDecoder('latin1').decode(readRange(source, begin, Math.min(end, begin + 16)));
}

/** The first pickle of a legacy file: `MAGIC_NUMBER` of torch/serialization.py. */
const magic = 0x1950a86a20f9469cfc6cn;

/** The first bytes of a legacy file: PROTO 2, LONG1, ten bytes of `magic`, the lowest first. */
export const legacyStart = Uint8Array.of(
  0x80,
  2,
  0x8a,
  10,
  0x6c,
  0xfc,
  0x9c,
  0x46,
  0xf9,
  0x20,
  0x6a,
  0xa8,
  0x50,
  0x19,
);

/**
 * Reads a file of `torch.save` before PyTorch 1.6: pickles of a magic number, the protocol version,
 * facts of the machine, the object and the keys of its storages; then for each key the number of
 * its values, in 64 bits, and the values.
 */
export function readLegacyCheckpoint(source: ByteSource, fileName: string): TorchCheckpoint {
  const unpickler = torchUnpickler(fileName);
  let next = 0;
  const nextPickle = (): unknown => {
    const { value, end } = unpickle(source, fileName, unpickler, next);
    next = end;
    return value;
  };
  const first = nextPickle();
  ensure(first === magic, fileName, 'a file of torch.save', 'another pickle');
  const protocol = nextPickle();
  ensure(
    protocol === 1001,
    fileName,
    'protocol 1001 of torch.save',
    typeof protocol === 'number' ? protocol : 'something else',
  );
  const machine = nextPickle();
  const isLittleEndian = machine instanceof Map && machine.get('little_endian') === true;
  ensure(
    isLittleEndian,
    fileName,
    'little-endian values (little_endian True)',
    'others',
    'save it anew on another machine',
  );
  const root = nextPickle();
  const keys = nextPickle();
  ensure(
    Array.isArray(keys),
    fileName,
    "a list of storages' keys after the pickle",
    'something else',
    'the file is damaged',
  );
  const locations = locateStorages(source, next, keys, unpickler.storages, fileName);
  return {
    format: 'torch legacy',
    root,
    storages: {
      source,
      bytesOf: (key) => locations.get(key)?.size,
      beginOf: (key) => (locations.get(key) as StorageLocation).begin,
    },
  };
}

function locateStorages(
  source: ByteSource,
  start: number,
  keys: readonly unknown[],
  known: ReadonlyMap<string, StorageRecord>,
  fileName: string,
) {
  const locations = new Map<string, StorageLocation>();
  let next = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? known.get(key) : undefined;
    ensure(
      typeof key === 'string' && storage !== undefined && !locations.has(key),
      fileName,
      "each storage's key once, as the pickle has it",
      'another key',
    );
    ensure(
      next + 8 <= source.length,
      fileName,
      `storage ${key} at byte ${next}`,
      `${source.length} bytes in all`,
      'the file is cut short',
    );
    const length = Number(
      new DataView(readRange(source, next, next + 8).buffer).getBigInt64(0, true),
    );
    ensure(
      length === storage.length,
      fileName,
      `${storage.length} numbers in storage ${key}`,
      length,
      'the file is damaged',
    );
    const size = length * bytesPerValue(storage, fileName);
    ensure(
      next + 8 + size <= source.length,
      fileName,
      `${size} bytes of storage ${key}`,
      source.length - next - 8,
      'the file is cut short',
    );
    locations.set(key, { begin: next + 8, size });
    next += 8 + size;
  }
  return locations;
}

/** Bytes per value, of unsupported types too: the storages behind them have to be located. */
function bytesPerValue({ type, key }: StorageRecord, fileName: string): number {
  const widths: Readonly<Record<string, number>> = {
    ComplexDoubleStorage: 16,
    ComplexFloatStorage: 8,
    QInt32Storage: 4,
    QInt8Storage: 1,
    QUInt8Storage: 1,
    UntypedStorage: 1,
  };
  const dtype = dtypeOf(type);
  const width = dtype === undefined ? widths[type] : bytesPerElement(dtype);
  ensure(width !== undefined, fileName, `storage ${key} of a known type`, type);
  return width;
}
