import { ensure } from '@kd/core';
import { type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { type ChannelStatistics, checkStatistics, describeNormalisation, normaliseChannels } from './normalise.ts';
import { type ResizeOptions, resizedSide, resizer } from './resize.ts';
import type { Interpolation } from './resizeWeights.ts';

/** What a network does to its images first, so that a teacher at 224 × 224 and a student at 32 × 32 see the same view of the same picture. */
export interface Preparation {
  /** Side in pixels of the square that images are resized to; images of that very size, and all where it is `asGiven`, keep their pixels. */
  readonly size?: number | 'asGiven';
  /** Of the resizing; `bilinear`. */
  readonly interpolation?: Interpolation;
  /** Of the resizing, where images shrink: as Pillow and torchvision do it; true. */
  readonly antialias?: boolean;
  /** The middle part of the shorter side that is resized to `size`, 0 < crop ≤ 1: timm's crop_pct; 1. ImageNet's photographs are usually measured at 0.875. */
  readonly crop?: number;
  /** Images, 0–1, become (image − mean) / deviation, channel by channel. */
  readonly normalise?: ChannelStatistics;
}

/** A preparation at work. */
export interface Preparer {
  /** Part of a recorded teacher's identity. */
  readonly description: string;
  /** @param images [batch, height, width, channels], 0–1. @returns A new tensor, or `images` itself where nothing is to be done. */
  prepare(images: Tensor4D): Tensor4D;
}

/**
 * A preparation for a model that has none of its own, such as `onnxTeacher` of @kd/trainer: `prepareImages({ size: 224, interpolation: 'bicubic', normalise:
 * imagenetStatistics })`.
 * @throws RangeError on what cannot be done.
 */
export function prepareImages(preparation: Preparation): Preparer {
  return preparer('prepareImages', preparation);
}

/** Throws unless all of it can be done. @param where Who asks, for messages. */
export function preparer(where: string, preparation: Preparation): Preparer {
  const { normalise } = preparation;
  if (normalise !== undefined) checkStatistics(where, normalise);
  const options = resizeOptionsOf(where, preparation);
  const resize = options === undefined ? (images: Tensor4D) => images : resizer(options);
  const normalised = (images: Tensor4D): Tensor4D => (normalise === undefined ? images : normaliseChannels(images, normalise));
  const steps = [
    ...(options === undefined ? [] : [describeResizing(options)]),
    ...(normalise === undefined ? [] : [describeNormalisation(normalise)]),
  ];
  return {
    description: steps.join('+') || 'none',
    prepare(images) {
      const [, height, width] = images.shape;
      // The weights of a new pixel add up to 1, so the order is free: channels are normalised where there are fewer pixels, which at 32 → 224 saves two thirds.
      const grows = options !== undefined && height * width < options.size ** 2;
      return tidy(() => (grows ? resize(normalised(images)) : normalised(resize(images))));
    },
  };
}

/** A network's own preparation, and what its user wants otherwise. Who takes images as they are given has no use for how they would be resized. */
export function preparedBy(own: Preparation, wanted: Preparation | undefined): Preparation {
  return { ...(wanted?.size === 'asGiven' ? { ...(own.normalise && { normalise: own.normalise }) } : own), ...wanted };
}

function resizeOptionsOf(where: string, preparation: Preparation): ResizeOptions | undefined {
  const { size = 'asGiven', interpolation = 'bilinear', antialias = true, crop = 1 } = preparation;
  if (size === 'asGiven') {
    const idle = (['interpolation', 'antialias', 'crop'] as const).find((name) => preparation[name] !== undefined);
    ensure(idle === undefined, where, `a size in pixels beside ${idle}`, size, 'without one, nothing is resized');
    return undefined;
  }
  ensure(Number.isInteger(size) && size >= 1, where, 'size as a whole number of pixels ≥ 1, or asGiven', size);
  ensure(interpolation === 'bilinear' || interpolation === 'bicubic', where, 'interpolation bilinear or bicubic', interpolation);
  ensure(crop > 0 && crop <= 1, where, '0 < crop ≤ 1', crop, '0.875 is usual, 1 takes all of the shorter side');
  return { size, interpolation, antialias, crop };
}

function describeResizing(options: ResizeOptions): string {
  const { size, interpolation, antialias } = options;
  const resized = resizedSide(options);
  return `resize(${resized},${interpolation}${antialias ? ',antialias' : ''})+centre(${size})`;
}
