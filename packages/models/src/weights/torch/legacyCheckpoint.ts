import { ensure } from '@kd/core';
import { type ByteSource, bytesPerElement, subarrayBetween } from '@kd/files';
import { type UnpicklerHost, unpickle } from '@kd/files/pickle';
import type { TorchCheckpoint } from './checkpoint.ts';
import { dtypeOf, type StorageRecord } from './records.ts';
import { torchHost } from './torchHost.ts';

/**
 * The first pickle of a legacy file holds this number, `MAGIC_NUMBER` of torch/serialization.py.
 */
const magic = 0x1950a86a20f9469cfc6cn;

/** Its bytes: PROTO 2, LONG1, ten bytes with the low one first. */
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

interface Place {
  readonly begin: number;
  readonly size: number;
}

/**
 * What `torch.save` wrote before PyTorch 1.6: pickles of a magic number, the protocol's, facts of
 * the machine, the object and the storages' keys; then for
 * each key the number of its numbers, 64 bits, and the numbers.
 */
export function legacyCheckpoint(source: ByteSource, place: string): TorchCheckpoint {
  const host = torchHost(place);
  let next = 0;
  const nextPickle = (reads: UnpicklerHost = host): unknown => {
    const { value, end } = unpickle(source, place, reads, next);
    next = end;
    return value;
  };
  const first = nextPickle();
  ensure(first === magic, place, 'a file of torch.save', 'another pickle');
  const protocol = nextPickle();
  ensure(
    protocol === 1001,
    place,
    'protocol 1001 of torch.save',
    typeof protocol === 'number' ? protocol : 'something else',
  );
  const machine = nextPickle();
  const isLittle = machine instanceof Map && machine.get('little_endian') === true;
  ensure(
    isLittle,
    place,
    'numbers with the low byte first (little_endian True)',
    'others',
    'save it anew on another machine',
  );
  const root = nextPickle();
  const keys = nextPickle();
  ensure(
    Array.isArray(keys),
    place,
    "a list of storages' keys after the pickle",
    'something else',
    'the file is damaged',
  );
  const places = storagePlaces(source, next, keys, host.storages, place);
  return {
    format: 'torch legacy',
    root,
    storages: {
      source,
      bytesOf: (key) => places.get(key)?.size,
      beginOf: (key) => (places.get(key) as Place).begin,
    },
  };
}

function storagePlaces(
  source: ByteSource,
  start: number,
  keys: readonly unknown[],
  known: ReadonlyMap<string, StorageRecord>,
  place: string,
) {
  const places = new Map<string, Place>();
  let next = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? known.get(key) : undefined;
    ensure(
      typeof key === 'string' && storage !== undefined && !places.has(key),
      place,
      "each storage's key once, as the pickle has it",
      'another key',
    );
    ensure(
      next + 8 <= source.length,
      place,
      `storage ${key} at byte ${next}`,
      `${source.length} bytes in all`,
      'the file is cut short',
    );
    const length = Number(
      new DataView(subarrayBetween(source, next, next + 8).buffer).getBigInt64(0, true),
    );
    ensure(
      length === storage.length,
      place,
      `${storage.length} numbers in storage ${key}`,
      length,
      'the file is damaged',
    );
    const size = length * storageWidth(storage, place);
    ensure(
      next + 8 + size <= source.length,
      place,
      `${size} bytes of storage ${key}`,
      source.length - next - 8,
      'the file is cut short',
    );
    places.set(key, { begin: next + 8, size });
    next += 8 + size;
  }
  return places;
}

/** Types that are not read have a width all the same: those after them must be found. */
function storageWidth({ type, key }: StorageRecord, place: string): number {
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
  ensure(width !== undefined, place, `storage ${key} of a known type`, type);
  return width;
}
