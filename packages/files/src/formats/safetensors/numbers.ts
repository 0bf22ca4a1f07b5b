import { type ByteSource, subarrayBetween } from '../../byteSource.ts';
import { arrays, type SafetensorsDtype } from './dtypes.ts';

/** Numbers that are converted at a time: what is held twice stays small. */
const pieceLength = 1 << 16;

/** Bytes of one number. */
export function bytesPerElement(dtype: SafetensorsDtype): number {
  return arrays[dtype].BYTES_PER_ELEMENT;
}

/**
 * Numbers of a file as float32, little-endian there. @param begin Byte of the first; all `count` of
 * them lie inside the source.
 */
export function toFloat32(
  source: ByteSource,
  dtype: SafetensorsDtype,
  begin: number,
  count: number,
): Float32Array<ArrayBuffer> {
  const numbers = new Float32Array(count);
  if (dtype === 'F32') {
    source.fill(new Uint8Array(numbers.buffer), begin);
    return numbers;
  }
  const width = bytesPerElement(dtype);
  for (let done = 0; done < count; done += pieceLength) {
    const piece = numbers.subarray(done, done + pieceLength);
    const start = begin + done * width;
    convert(dtype, subarrayBetween(source, start, start + piece.length * width).buffer, piece);
  }
  return numbers;
}

function convert(
  dtype: SafetensorsDtype,
  bytes: ArrayBuffer,
  numbers: Float32Array<ArrayBuffer>,
): void {
  const held = new arrays[dtype](bytes);
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  for (let at = 0; at < held.length; at++) {
    const value = Number(held[at]);
    if (dtype === 'F16') bits[at] = bitsOfHalf(value);
    // The shorter floats with the same exponent are the upper halves of the longer ones.
    else if (dtype === 'F8_E5M2') bits[at] = bitsOfHalf(value << 8);
    else if (dtype === 'BF16') bits[at] = value << 16;
    else if (dtype === 'F8_E4M3') numbers[at] = fromE4M3(value);
    else if (dtype === 'BOOL') numbers[at] = value === 0 ? 0 : 1;
    else numbers[at] = value;
  }
}

/**
 * The bits of a 32-bit float equal to a 16-bit one: sign, 5 bits of exponent (bias 15), 10 of
 * fraction.
 */
function bitsOfHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Below the smallest normal half: fraction · 2⁻²⁴, which a 32-bit float holds as a normal number.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/**
 * Sign, 4 bits of exponent (bias 7), 3 of fraction; no infinity, all ones is NaN: `float8_e4m3fn`,
 * Micikevicius et al. 2022, table 1.
 */
function fromE4M3(byte: number): number {
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte >>> 3) & 0xf;
  const fraction = byte & 7;
  if ((byte & 0x7f) === 0x7f) return Number.NaN;
  return exponent === 0 ? (sign * fraction) / 512 : sign * (8 + fraction) * 2 ** (exponent - 10);
}
