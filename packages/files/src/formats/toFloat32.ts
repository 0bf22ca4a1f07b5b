import { type ByteSource, readRange } from '../source.ts';
import { float16ToFloat32Bits } from './float16.ts';
import { type SafetensorsDtype, safetensorsArrays } from './safetensors.ts';

/** Numbers that are converted at a time, so that little is held in memory twice. */
const chunkLength = 1 << 16;

/** Returns the bytes of one number. */
export function bytesPerElement(dtype: SafetensorsDtype): number {
  return safetensorsArrays[dtype].BYTES_PER_ELEMENT;
}

/**
 * Reads little-endian numbers of any type and converts them to float32.
 * @param begin Position of the first number; all `count` of them must lie inside the source.
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
  for (let done = 0; done < count; done += chunkLength) {
    const chunk = numbers.subarray(done, done + chunkLength);
    const start = begin + done * width;
    convert(dtype, readRange(source, start, start + chunk.length * width).buffer, chunk);
  }
  return numbers;
}

function convert(
  dtype: SafetensorsDtype,
  bytes: ArrayBuffer,
  numbers: Float32Array<ArrayBuffer>,
): void {
  const source = new safetensorsArrays[dtype](bytes);
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  for (let at = 0; at < source.length; at++) {
    const value = Number(source[at]);
    if (dtype === 'F16') bits[at] = float16ToFloat32Bits(value);
    // Floats with the same exponent are the upper bits of the longer ones.
    else if (dtype === 'F8_E5M2') bits[at] = float16ToFloat32Bits(value << 8);
    else if (dtype === 'BF16') bits[at] = value << 16;
    else if (dtype === 'F8_E4M3') numbers[at] = decodeE4M3(value);
    else if (dtype === 'BOOL') numbers[at] = value === 0 ? 0 : 1;
    else numbers[at] = value;
  }
}

/**
 * Decodes `float8_e4m3fn`: sign, 4 bits of exponent (bias 7), 3 of fraction; no infinity, all ones
 * is NaN. Micikevicius et al., "FP8 formats for deep learning", 2022, table 1.
 */
function decodeE4M3(byte: number): number {
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte >>> 3) & 0xf;
  const fraction = byte & 7;
  if ((byte & 0x7f) === 0x7f) return Number.NaN;
  return exponent === 0 ? (sign * fraction) / 512 : sign * (8 + fraction) * 2 ** (exponent - 10);
}
