import { ensure } from '@kd/core';
import {
  type AffineMatrix,
  affineMatrix,
  findNearest,
  rotationMatrix,
  transformBilinear,
} from './affine.ts';
import {
  type Augmentation,
  assertRange,
  type Draw,
  drawBetween,
  drawMore,
  type Range,
} from './augmentation.ts';

/** How a transform that moves pixels by parts of a pixel finds their values. */
export type AffineInterpolation = 'nearest' | 'bilinear';

/**
 * Rotates about the center by a random angle; the corners become black. Torchvision's pixels on PIL
 * images to the last bit for the same angle.
 * @param options.degrees Largest angle, or least and greatest; counterclockwise.
 * @param options.interpolation `nearest` (the default, as in torchvision) or `bilinear`.
 */
export function randomRotation({
  degrees,
  interpolation = 'nearest',
}: {
  readonly degrees: number | Range;
  readonly interpolation?: AffineInterpolation;
}): Augmentation {
  const angles = symmetric(degrees);
  assertRange('randomRotation', 'degrees', angles, [-360, 360]);
  return affineAugmentation(
    `randomRotation(degrees=${angles.join('..')},interpolation=${interpolation})`,
    interpolation,
    (draw, height, width) => rotationMatrix(drawBetween(angles, draw), height, width),
  );
}

/** Options of `randomAffine`. */
export interface RandomAffineOptions {
  /** Largest angle, or least and greatest; clockwise. */
  readonly degrees: number | Range;
  /** Largest shifts as parts of the width and the height, 0–1; none. */
  readonly translate?: readonly [horizontal: number, vertical: number];
  /** Least and greatest scale; 1. */
  readonly scale?: Range;
  /** Largest angle along the width in degrees, or least and greatest; none. */
  readonly shear?: number | Range;
  /** `nearest` (the default, as in torchvision) or `bilinear`. */
  readonly interpolation?: AffineInterpolation;
}

/**
 * Rotates, shifts, scales and shears at random; what comes from outside is black. Torchvision's
 * pixels on PIL images for the same parameters.
 */
export function randomAffine({
  degrees,
  translate = [0, 0],
  scale = [1, 1],
  shear = 0,
  interpolation = 'nearest',
}: RandomAffineOptions): Augmentation {
  const caller = 'randomAffine';
  const angles = symmetric(degrees);
  const shears = symmetric(shear);
  assertRange(caller, 'degrees', angles, [-360, 360]);
  assertRange(caller, 'scale', scale, [1e-3, 1e3]);
  assertRange(caller, 'shear', shears, [-89, 89]);
  const isShift = translate.length === 2 && translate.every((part) => part >= 0 && part <= 1);
  ensure(isShift, caller, 'translate [horizontal, vertical] of parts 0–1', translate);
  const shift = (most: number, draw: Draw) => Math.round(drawBetween([-most, most], draw));
  return affineAugmentation(
    `${caller}(degrees=${angles.join('..')},translate=${translate.join('/')},` +
      `scale=${scale.join('..')},shear=${shears.join('..')},interpolation=${interpolation})`,
    interpolation,
    (draw, height, width) => {
      const angle = drawBetween(angles, draw);
      const right = shift(translate[0] * width, draw);
      const down = shift(translate[1] * height, draw);
      const factor = drawBetween(scale, draw);
      const sheared = drawBetween(shears, draw);
      const parameters = { angle, scale: factor, shear: [sheared, 0] } as const;
      return affineMatrix({ ...parameters, translate: [right, down] }, height, width);
    },
  );
}

function symmetric(given: number | Range): Range {
  return typeof given === 'number' ? [-given, given] : given;
}

function affineAugmentation(
  spec: string,
  interpolation: AffineInterpolation,
  drawMatrix: (draw: Draw, height: number, width: number) => AffineMatrix,
): Augmentation {
  assertInterpolation(spec.slice(0, spec.indexOf('(')), interpolation);
  if (interpolation === 'nearest') {
    return {
      spec,
      remap(source, target, [height, width], words) {
        findNearest(drawMatrix(drawMore(words), height, width), target, height, width);
        const positions = height * width;
        for (let at = 0; at < positions; at++) {
          const from = target[at] as number;
          if (from >= 0) target[at] = source[from] as number;
        }
      },
    };
  }
  return {
    spec,
    apply(pixels, shape, words) {
      transformBilinear(drawMatrix(drawMore(words), shape[0], shape[1]), pixels, shape);
    },
  };
}

/** @throws RangeError on any other word. */
export function assertInterpolation(caller: string, interpolation: AffineInterpolation): void {
  const isKnown = interpolation === 'nearest' || interpolation === 'bilinear';
  ensure(isKnown, caller, "interpolation 'nearest' or 'bilinear'", interpolation);
}
