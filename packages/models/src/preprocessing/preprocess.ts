import { ensure } from '@kd/core';
import { type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import {
  type ChannelNormalization,
  checkNormalization,
  describeNormalization,
  normalizeChannels,
} from './normalize.ts';
import { createResize, type Interpolation, type ResizeOptions, resizedSide } from './resize.ts';

/**
 * Preprocessing that a network applies to its images itself, so that a teacher at 224 × 224 and a
 * student at 32 × 32 get the same augmented image.
 */
export interface PreprocessingOptions {
  /**
   * Side in pixels of the square that images are resized to; images of that very size, and all
   * images at `asGiven`, keep their pixels.
   */
  readonly size?: number | 'asGiven';
  /** Interpolation when resizing; `bilinear`. */
  readonly interpolation?: Interpolation;
  /** Whether images that shrink are antialiased, as by Pillow and torchvision; true. */
  readonly antialias?: boolean;
  /**
   * The central part of the shorter side that is resized to `size`, 0 < crop ≤ 1: timm's crop_pct;
   * 1. ImageNet's accuracies are usually measured at 0.875.
   */
  readonly crop?: number;
  /** Images, 0–1, become (image − mean) / std, channel by channel. */
  readonly normalize?: ChannelNormalization;
}

/** Preprocessing as a function, with its description. */
export interface Preprocessor {
  /** Part of a teacher's fingerprint. */
  readonly description: string;
  /**
   * @param images [batch, height, width, channels], 0–1.
   * @returns A new tensor, or `images` itself if there is nothing to do.
   */
  prepare(images: Tensor4D): Tensor4D;
}

/**
 * Creates the preprocessing for a model that has none of its own, such as `onnxTeacher` of
 * @kd/trainer: `createPreprocessor({ size: 224, interpolation: 'bicubic', normalize:
 * imagenetNormalization })`.
 * @throws RangeError on invalid options.
 */
export function createPreprocessor(options: PreprocessingOptions): Preprocessor {
  return checkedPreprocessor('createPreprocessor', options);
}

/**
 * Checks the options and creates the preprocessing.
 * @param caller Name of the function or network, for messages.
 */
export function checkedPreprocessor(caller: string, options: PreprocessingOptions): Preprocessor {
  const { normalize } = options;
  if (normalize !== undefined) checkNormalization(caller, normalize);
  const resizing = resizeOptions(caller, options);
  const resize = resizing === undefined ? (images: Tensor4D) => images : createResize(resizing);
  const normalized = (images: Tensor4D): Tensor4D =>
    normalize === undefined ? images : normalizeChannels(images, normalize);
  const steps = [
    ...(resizing === undefined ? [] : describeResizing(resizing)),
    ...(normalize === undefined ? [] : [describeNormalization(normalize)]),
  ];
  return {
    description: steps.join(', ') || 'none',
    prepare(images) {
      const [, height, width] = images.shape;
      // The weights of a new pixel add up to 1, so the order is free: channels are normalized at
      // the smaller of the two sizes, which at 32 → 224 saves two thirds of the time.
      const grows = resizing !== undefined && height * width < resizing.size ** 2;
      return tidy(() => (grows ? resize(normalized(images)) : normalized(resize(images))));
    },
  };
}

/**
 * A network's own preprocessing with the user's changes. With `size: 'asGiven'` the network's own
 * options for resizing have no use and are left out.
 */
export function mergePreprocessing(
  own: PreprocessingOptions,
  changes: PreprocessingOptions | undefined,
): PreprocessingOptions {
  return {
    ...(changes?.size === 'asGiven' ? { ...(own.normalize && { normalize: own.normalize }) } : own),
    ...changes,
  };
}

/**
 * The options for resizing with their defaults; undefined if images keep their size.
 * @throws RangeError on invalid ones.
 */
export function resizeOptions(
  caller: string,
  options: PreprocessingOptions,
): ResizeOptions | undefined {
  const { size = 'asGiven', interpolation = 'bilinear', antialias = true, crop = 1 } = options;
  if (size === 'asGiven') {
    const unused = (['interpolation', 'antialias', 'crop'] as const).find(
      (name) => options[name] !== undefined,
    );
    ensure(
      unused === undefined,
      caller,
      `a size in pixels beside ${unused}`,
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

function describeResizing(options: ResizeOptions): string[] {
  const { size, interpolation, antialias } = options;
  return [
    `resize(${resizedSide(options)}, ${interpolation}${antialias ? ', antialias' : ''})`,
    `centerCrop(${size})`,
  ];
}
