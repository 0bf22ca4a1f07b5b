/** Half precision (IEEE 754 binary16): sign, 5 bits of exponent (bias 15), 10 bits of fraction. */
import { ensure } from '@kd/core';

/** Largest finite number. */
const LARGEST = 65504;
/** Numbers below it are multiples of 2⁻²⁴. */
const SMALLEST_NORMAL = 2 ** -14;

/**
 * Encodes numbers as the bits of half precision, rounded to the nearest, ties to even.
 * @param remedy What to do where one does not fit, for the error.
 * @throws RangeError on a number beyond ±65504.
 */
export function toFloat16(caller: string, values: Float32Array, remedy: string): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    const [word, size] = [bits[at] as number, Math.abs(value)];
    const sign = (word >>> 16) & 0x8000;
    if (size < SMALLEST_NORMAL) halves[at] = sign | roundToEven(size * 2 ** 24);
    else {
      // The exponent's bias goes from 127 to 15, the fraction from 23 bits to 10.
      const rounded =
        ((word & 0x7fffffff) - ((127 - 15) << 23) + 0x0fff + ((word >>> 13) & 1)) >>> 13;
      ensure(
        rounded < 0x7c00,
        caller,
        `numbers from −${LARGEST} to ${LARGEST} in float16`,
        value,
        remedy,
      );
      halves[at] = sign | rounded;
    }
  }
  return halves;
}

/** Decodes one half-precision number. @returns The bits of the equal 32-bit float. */
export function float16ToFloat32Bits(half: number): number {
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

/** Decodes all 65,536 bit patterns of half precision: a table to decode many numbers with. */
export function float16Table(): Float32Array {
  const bits = Uint32Array.from({ length: 2 ** 16 }, (_, half) => float16ToFloat32Bits(half));
  return new Float32Array(bits.buffer);
}

function roundToEven(value: number): number {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}
