import { ensure } from '@kd/core';

/** Largest number that half precision holds. */
const LARGEST = 65504;
/** Below it halves are multiples of 2⁻²⁴. */
const SMALLEST_NORMAL = 2 ** -14;

/**
 * Numbers in half precision (IEEE 754 binary16), as their bits; to the nearest, ties to even.
 * @throws RangeError on a number beyond ±65504.
 */
export function toFloat16(caller: string, values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    const [word, size] = [bits[at] as number, Math.abs(value)];
    const sign = (word >>> 16) & 0x8000;
    if (size < SMALLEST_NORMAL) halves[at] = sign | evenRound(size * 2 ** 24);
    else {
      // The exponent's bias goes from 127 to 15, the fraction from 23 bits to 10.
      const rounded =
        ((word & 0x7fffffff) - ((127 - 15) << 23) + 0x0fff + ((word >>> 13) & 1)) >>> 13;
      ensure(
        rounded < 0x7c00,
        caller,
        `numbers from −${LARGEST} to ${LARGEST} in float16`,
        value,
        "record them as dtype: 'float32'",
      );
      halves[at] = sign | rounded;
    }
  }
  return halves;
}

/** What each of the 65,536 bit patterns of half precision stands for. */
export function float16Table(): Float32Array {
  return Float32Array.from({ length: 2 ** 16 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const [exponent, fraction] = [(bits >>> 10) & 0x1f, bits & 0x3ff];
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0
      ? sign * fraction * 2 ** -24
      : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}

function evenRound(value: number): number {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}
