import { crc32, deflateRawSync } from 'node:zlib';

/** What an `.npy` file holds. */
export interface ArrayContent {
  /** numpy's code of the type, which fits the array: `'|u1'` for a Uint8Array. */
  readonly descr?: string;
  readonly shape: readonly number[];
  /** Row after row, or column after column. */
  readonly numbers: ArrayLike<number | bigint> & ArrayBufferView;
  readonly isFortranOrder?: boolean;
}

const descrs = new Map<unknown, string>([
  [Uint8Array, '|u1'],
  [Int8Array, '|i1'],
  [Uint16Array, '<u2'],
  [Int32Array, '<i4'],
  [BigInt64Array, '<i8'],
  [Float32Array, '<f4'],
  [Float64Array, '<f8'],
]);

/** Writes an `.npy` file, version 1.0, as `np.save` does. */
export function npyOf({ descr, shape, numbers, isFortranOrder = false }: ArrayContent): Buffer {
  const type = descr ?? descrs.get(numbers.constructor);
  const order = isFortranOrder ? 'True' : 'False';
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${type}', 'fortran_order': ${order}, 'shape': (${sides}), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  start.writeUInt16LE(header.length, 8);
  const { buffer, byteOffset, byteLength } = numbers;
  return Buffer.concat([
    start,
    Buffer.from(header, 'latin1'),
    new Uint8Array(buffer, byteOffset, byteLength),
  ]);
}

/**
 * Writes an `.npz` file (APPNOTE.TXT 4.3): stored as by `np.savez`, or deflated as by
 * `np.savez_compressed`.
 */
export function npzOf(
  arrays: Readonly<Record<string, ArrayContent | Uint8Array>>,
  isDeflated: (name: string) => boolean = () => false,
): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [array, given] of Object.entries(arrays)) {
    const content = given instanceof Uint8Array ? given : npyOf(given);
    const packed = isDeflated(array) ? deflateRawSync(content) : content;
    const name = Buffer.from(`${array}.npy`);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(isDeflated(array) ? 8 : 0, 4);
    shared.writeUInt32LE(crc32(content), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(content.length, 18);
    shared.writeUInt16LE(name.length, 22);
    const position = Buffer.alloc(14);
    position.writeUInt32LE(offset, 10);
    local.push(Buffer.from('PK\x03\x04'), shared, name, Buffer.from(packed));
    central.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), shared, position, name);
    offset += 30 + name.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(central.length / 4, 8);
  end.writeUInt16LE(central.length / 4, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}
