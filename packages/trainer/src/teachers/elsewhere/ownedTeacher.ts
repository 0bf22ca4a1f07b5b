import type { Batch, ModelFingerprint, Outputs, Teacher } from '@kd/core';
import { div, sub, type Tensor4D, tidy } from '@tensorflow/tfjs-core';

/** A teacher with a model of its own. */
export interface OwnedTeacher extends Teacher {
  readonly predictAsync: (batch: Batch) => Promise<Outputs>;
  readonly fingerprint: () => Promise<ModelFingerprint>;
  /** Frees the model. */
  dispose(): Promise<void>;
}

/**
 * What images go through before a model sees them; `createPreprocessor` of @kd/models makes one,
 * with resizing.
 */
export interface ImagePreparation {
  /** Part of the teacher's identity: another preparation has another text. */
  readonly description: string;
  /**
   * @param images [batch, height, width, channels], 0–1. @returns A new tensor, or `images` itself.
   */
  prepare(images: Tensor4D): Tensor4D;
}

/** As they are, 0–1. */
export const asGiven: ImagePreparation = { description: 'none', prepare: (images) => images };

const mean = [0.485, 0.456, 0.406];
const deviation = [0.229, 0.224, 0.225];

/**
 * (images − mean) / deviation with ImageNet's statistics, as torchvision's and most of timm's
 * networks want them; no resizing.
 */
export const imagenetNormalized: ImagePreparation = {
  description: `normalize(mean=${mean},deviation=${deviation})`,
  prepare: (images) => tidy(() => div<Tensor4D>(sub(images, mean), deviation)),
};
