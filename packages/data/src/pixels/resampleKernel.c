#include <stdint.h>
#include <wasm_simd128.h>

#define PRECISION 22
#define HALF (1 << (PRECISION - 1))
#define EXPORT(name) __attribute__((export_name(#name)))

static inline v128_t widen(v128_t bytes) {
  return wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes));
}

static inline v128_t narrow(v128_t a, v128_t b, v128_t c, v128_t d) {
  v128_t low = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(a, PRECISION), wasm_i32x4_shr(b, PRECISION));
  v128_t high = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(c, PRECISION), wasm_i32x4_shr(d, PRECISION));
  return wasm_u8x16_narrow_i16x8(low, high);
}

/* Three channels along the width: a pixel is a vector, whose fourth number is written over. */
EXPORT(columns3)
void columns3(const uint8_t *pixels, int stride, int rows, const int32_t *first,
              const int32_t *counts, const int32_t *weights, int most, int columns, uint8_t *out) {
  for (int row = 0; row < rows; row++, pixels += stride)
    for (int column = 0; column < columns; column++, out += 3) {
      const uint8_t *at = pixels + first[column] * 3;
      const int32_t *weight = weights + column * most;
      v128_t sum = wasm_i32x4_const_splat(HALF);
      for (int tap = counts[column]; tap > 0; tap--, at += 3, weight++)
        sum = wasm_i32x4_add(sum, wasm_i32x4_mul(widen(wasm_v128_load32_zero(at)),
                                                 wasm_v128_load32_splat(weight)));
      wasm_v128_store32_lane(out, narrow(sum, sum, sum, sum), 0);
    }
}

/* One channel along the width: four old pixels at a time, whose weights end with zeros. */
EXPORT(columns1)
void columns1(const uint8_t *pixels, int stride, int rows, const int32_t *first,
              const int32_t *counts, const int32_t *weights, int most, int columns, uint8_t *out) {
  for (int row = 0; row < rows; row++, pixels += stride)
    for (int column = 0; column < columns; column++) {
      const uint8_t *at = pixels + first[column];
      const int32_t *weight = weights + column * most;
      v128_t sums = wasm_i32x4_make(HALF, 0, 0, 0);
      for (int tap = counts[column]; tap > 0; tap -= 4, at += 4, weight += 4)
        sums = wasm_i32x4_add(sums, wasm_i32x4_mul(widen(wasm_v128_load32_zero(at)),
                                                   wasm_v128_load(weight)));
      v128_t pairs = wasm_i32x4_add(sums, wasm_i32x4_shuffle(sums, sums, 2, 3, 0, 1));
      v128_t sum = wasm_i32x4_add(pairs, wasm_i32x4_shuffle(pairs, pairs, 1, 0, 3, 2));
      *out++ = wasm_u8x16_extract_lane(narrow(sum, sum, sum, sum), 0);
    }
}

/* Along the height: sixteen bytes of a row at a time. */
EXPORT(rows)
void rows(const uint8_t *pixels, int stride, int count, const int32_t *first,
          const int32_t *counts, const int32_t *weights, int most, int bytes, uint8_t *out) {
  for (int row = 0; row < count; row++, weights += most, out += bytes) {
    const uint8_t *begin = pixels + first[row] * stride;
    for (int at = 0; at < bytes; at += 16) {
      const uint8_t *from = begin + at;
      v128_t a = wasm_i32x4_const_splat(HALF), b = a, c = a, d = a;
      for (int tap = 0; tap < counts[row]; tap++, from += stride) {
        v128_t weight = wasm_v128_load32_splat(weights + tap);
        v128_t old = wasm_v128_load(from);
        v128_t low = wasm_u16x8_extend_low_u8x16(old), high = wasm_u16x8_extend_high_u8x16(old);
        a = wasm_i32x4_add(a, wasm_i32x4_mul(wasm_u32x4_extend_low_u16x8(low), weight));
        b = wasm_i32x4_add(b, wasm_i32x4_mul(wasm_u32x4_extend_high_u16x8(low), weight));
        c = wasm_i32x4_add(c, wasm_i32x4_mul(wasm_u32x4_extend_low_u16x8(high), weight));
        d = wasm_i32x4_add(d, wasm_i32x4_mul(wasm_u32x4_extend_high_u16x8(high), weight));
      }
      wasm_v128_store(out + at, narrow(a, b, c, d));
    }
  }
}
