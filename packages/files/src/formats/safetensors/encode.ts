import { ensure } from '@kd/core';
import {
  arrays,
  headerLimit,
  isDtype,
  nullPrototypeRecord,
  type SafetensorsTensor,
} from './dtypes.ts';

/**
 * A safetensors file: 8 bytes of length, a JSON header, then the numbers of all tensors,
 * little-endian and without gaps.
 * The header is padded to 8 bytes and wide types come first, so every tensor is aligned to its own
 * type.
 * Meant for little-endian machines, as all that TensorFlow.js runs on are.
 * @param metadata Kept as `__metadata__`.
 * @throws RangeError where the data of a tensor does not fit its dtype or shape.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, SafetensorsTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(tensors).sort((left, right) => {
    const [wide, narrow] = [
      tensors[right] as SafetensorsTensor,
      tensors[left] as SafetensorsTensor,
    ];
    return wide.data.BYTES_PER_ELEMENT - narrow.data.BYTES_PER_ELEMENT || (left < right ? -1 : 1);
  });
  const header = nullPrototypeRecord<unknown>();
  if (Object.keys(metadata).length > 0) header.__metadata__ = checkedMetadata(metadata);
  let end = 0;
  for (const name of names) {
    const { dtype, shape, data } = checkedTensor(name, tensors[name] as SafetensorsTensor);
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(text.length / 8) * 8;
  ensure(
    headerLength <= headerLimit,
    'encodeSafetensors',
    `a header of at most ${headerLimit} bytes`,
    headerLength,
  );

  const file = new Uint8Array(8 + headerLength + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.set(text, 8);
  file.fill(0x20, 8 + text.length, 8 + headerLength);
  let at = 8 + headerLength;
  for (const name of names) {
    const { data } = tensors[name] as SafetensorsTensor;
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

function checkedTensor(name: string, tensor: SafetensorsTensor): SafetensorsTensor {
  const { dtype, shape, data } = tensor;
  const where = 'encodeSafetensors';
  ensure(name !== '__metadata__', where, 'tensor names other than __metadata__', name);
  ensure(
    isDtype(dtype),
    where,
    `dtype of ${name} to be one of ${Object.keys(arrays).join(', ')}`,
    dtype,
  );
  const array = arrays[dtype];
  ensure(
    data instanceof array,
    where,
    `data of ${name} (${dtype}) in ${array.name}`,
    data.constructor.name,
  );
  ensure(
    shape.every((side) => Number.isSafeInteger(side) && side >= 0),
    where,
    `shape of ${name} to be whole numbers ≥ 0`,
    shape,
  );
  const size = shape.reduce((product, side) => product * side, 1);
  ensure(
    size === data.length,
    where,
    `${size} numbers for ${name} of shape [${shape.join(', ')}]`,
    data.length,
  );
  return tensor;
}

function checkedMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const copy = nullPrototypeRecord<string>();
  for (const [name, value] of Object.entries(metadata)) {
    ensure(typeof value === 'string', 'encodeSafetensors', `a string for metadata ${name}`, value);
    copy[name] = value;
  }
  return copy;
}
