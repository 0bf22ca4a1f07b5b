import type { GeometricTransform } from './viewTransform.ts';

/** Mirrors left and right, for every second picture on average. */
export function randomHorizontalFlip(): GeometricTransform {
  return {
    spec: 'flip()',
    move(source, target, [height, width], [draw]) {
      if (draw < 2 ** 31) {
        target.set(source);
        return;
      }
      for (let row = 0; row < height; row++) {
        const first = row * width;
        const last = first + width - 1;
        for (let column = 0; column < width; column++)
          target[first + column] = source[last - column] as number;
      }
    },
  };
}
