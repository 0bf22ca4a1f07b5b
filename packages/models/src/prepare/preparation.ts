import { ensure } from '@kd/core';
import { type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import {
  type ChannelNormalization,
  checkStatistics,
  describeNormalization,
  normalizeChannels,
} from './normalize.ts';
import { type ResizeOptions, resizedSide, resizer } from './resize.ts';
import type { Interpolation } from './resizeWeights.ts';

/**
 * What a network does to its images first, so that a teacher at 224 × 224 and a student at 32 × 32
 * see the same view of the same picture.
 */
export interface PreprocessingOptions {
  /**
   * Side in pixels of the square that images are resized to; images of that very size, and all
   * where it is `asGiven`, keep their pixels.
   */
  readonly size?: number | 'asGiven';
  /** Of the resizing; `bilinear`. */
  readonly interpolation?: Interpolation;
  /** Of the resizing, where images shrink: as Pillow and torchvision do it; true. */
  readonly antialias?: boolean;
  /**
   * The middle part of the shorter side that is resized to `size`, 0 < crop ≤ 1: timm's crop_pct;
   * 1. ImageNet's photographs are usually measured at 0.875.
   */
  readonly crop?: number;
  /** Images, 0–1, become (image − mean) / deviation, channel by channel. */
  readonly normalize?: ChannelNormalization;
}

/** A preparation at work. */
export interface Preprocessor {
  /** Part of a recorded teacher's identity. */
  readonly description: string;
  /**
   * @param images [batch, height, width, channels], 0–1. @returns A new tensor, or `images` itself
   * where nothing is to be done.
   */
  prepare(images: Tensor4D): Tensor4D;
}

/**
 * A preparation for a model that has none of its own, such as `onnxTeacher` of @kd/trainer:
 * `createPreprocessor({ size: 224, interpolation: 'bicubic', normalize:
 * imagenetNormalization })`.
 * @throws RangeError on what cannot be done.
 */
export function createPreprocessor(preparation: PreprocessingOptions): Preprocessor {
  return preparer('createPreprocessor', preparation);
}

/** Throws unless all of it can be done. @param caller Who asks, for messages. */
export function preparer(caller: string, preparation: PreprocessingOptions): Preprocessor {
  const { normalize } = preparation;
  if (normalize !== undefined) checkStatistics(caller, normalize);
  const options = resizeOptionsOf(caller, preparation);
  const resize = options === undefined ? (images: Tensor4D) => images : resizer(options);
  const normalized = (images: Tensor4D): Tensor4D =>
    normalize === undefined ? images : normalizeChannels(images, normalize);
  const steps = [
    ...(options === undefined ? [] : [describeResizing(options)]),
    ...(normalize === undefined ? [] : [describeNormalization(normalize)]),
  ];
  return {
    description: steps.join('+') || 'none',
    prepare(images) {
      const [, height, width] = images.shape;
      // The weights of a new pixel add up to 1, so the order is free: channels are normalized where
      // there are fewer pixels, which at 32 → 224 saves two thirds.
      const grows = options !== undefined && height * width < options.size ** 2;
      return tidy(() => (grows ? resize(normalized(images)) : normalized(resize(images))));
    },
  };
}

/**
 * A network's own preparation, and what its user wants otherwise. Who takes images as they are
 * given has no use for how they would be resized.
 */
export function preparedBy(
  own: PreprocessingOptions,
  wanted: PreprocessingOptions | undefined,
): PreprocessingOptions {
  return {
    ...(wanted?.size === 'asGiven' ? { ...(own.normalize && { normalize: own.normalize }) } : own),
    ...wanted,
  };
}

function resizeOptionsOf(
  caller: string,
  preparation: PreprocessingOptions,
): ResizeOptions | undefined {
  const { size = 'asGiven', interpolation = 'bilinear', antialias = true, crop = 1 } = preparation;
  if (size === 'asGiven') {
    const idle = (['interpolation', 'antialias', 'crop'] as const).find(
      (name) => preparation[name] !== undefined,
    );
    ensure(
      idle === undefined,
      caller,
      `a size in pixels beside ${idle}`,
      size,
      'without one, nothing is resized',
    );
    return undefined;
  }
  ensure(
    Number.isInteger(size) && size >= 1,
    caller,
    'size as a whole number of pixels ≥ 1, or asGiven',
    size,
  );
  ensure(
    interpolation === 'bilinear' || interpolation === 'bicubic',
    caller,
    'interpolation bilinear or bicubic',
    interpolation,
  );
  ensure(
    crop > 0 && crop <= 1,
    caller,
    '0 < crop ≤ 1',
    crop,
    '0.875 is usual, 1 takes all of the shorter side',
  );
  return { size, interpolation, antialias, crop };
}

function describeResizing(options: ResizeOptions): string {
  const { size, interpolation, antialias } = options;
  const resized = resizedSide(options);
  return `resize(${resized},${interpolation}${antialias ? ',antialias' : ''})+centre(${size})`;
}
