/**
 * One random change of a picture, drawn from (view seed, row) alone. Write your own as an object of
 * either shape; nothing is registered.
 *
 * ```ts
 * const darken: Augmentation = {
 *   spec: 'darken()',
 *   paint: (pixels, _shape, [draw]) => pixels.forEach((value, at) => { pixels[at] = (value * (1 +
 *   draw / 2 ** 32)) / 2; }),
 * };
 * ```
 */
export type Augmentation = GeometricTransform | PixelTransform;

/**
 * A transform that takes pixels from elsewhere in the picture. Several in a row cost one pass over
 * the pixels.
 */
export interface GeometricTransform {
  /**
   * Name and every option that matters, without spaces: `randomCrop(pad=4,fill=reflect)`. A
   * recorded teacher is found by it.
   */
  readonly spec: string;
  /**
   * @param source [height × width], which pixel of the picture shows at each place so far; −1:
   * none, black.
   * @param target [height × width], to be filled in wholly: `target[here] = source[there]`, or −1.
   * @param shape [height, width, channels].
   * @param draws Four uniform unsigned 32-bit integers that belong to this row, this view and this
   * transform.
   */
  move(
    source: Int32Array,
    target: Int32Array,
    shape: readonly [number, number, number],
    draws: RandomWords,
  ): void;
}

/** A transform that changes pixel values in place. */
export interface PixelTransform {
  readonly spec: string;
  /** @param pixels uint8 [height × width × channels], this picture only. */
  paint(pixels: Uint8Array, shape: readonly [number, number, number], draws: RandomWords): void;
}

/**
 * Four uniform unsigned 32-bit integers; the array is used again for the next row. Whoever needs
 * more takes the first as a seed for `randomUint32` of @kd/core.
 */
export type RandomWords = readonly [number, number, number, number];

/** The specs of a list in order, `plain` for none: `ViewKey.spec`. */
export function specOf(views: readonly Augmentation[]): string {
  return views.length === 0 ? 'plain' : views.map((view) => view.spec).join('+');
}
