import { hashName } from '@kd/core';
import { philox4x32, writeFractions } from '@kd/core/internal';
import { type Augmentation, joinSpecs } from './augmentations/augmentation.ts';
import type { Mixing } from './augmentations/mixing.ts';
import type { ImageDataset } from './imageDataset.ts';
import type { AugmentationRenderer } from './renderer.ts';

/**
 * Mixes one image, already rendered, with its partner.
 * @param index The image's index. @param image float32 0–1, this image only. @param target float32
 * [classes], zeros before: filled with the mixed label, and left at zeros where the image or its
 * partner has none.
 */
export type BatchMixer = (
  index: number,
  viewSeed: number,
  image: Float32Array,
  target: Float32Array,
) => void;

/**
 * Mixes images of a dataset. The partner is drawn among the dataset's own images by (view seed,
 * index), not among those of the batch, and is rendered under the same view.
 */
export function batchMixer(
  dataset: ImageDataset,
  mixing: Mixing,
  render: AugmentationRenderer,
): BatchMixer {
  const { images, indices, labels, imageShape } = dataset;
  const bytes = new Uint8Array(imageShape[0] * imageShape[1] * imageShape[2]);
  const partner = new Float32Array(bytes.length);
  // The names of the random streams: others would give other mixtures.
  const partners = hashName('mixing partner');
  const mixtures = hashName('mixing');
  const drawn = new Uint32Array(4);
  const words: [number, number, number, number] = [0, 0, 0, 0];

  return (index, viewSeed, image, target) => {
    philox4x32(viewSeed, partners, index, drawn);
    const at = Math.floor(((drawn[0] as number) / 2 ** 32) * indices.length);
    const other = indices[at] as number;
    render(images.read(other), other, viewSeed, bytes, 0);
    writeFractions(bytes, partner);
    philox4x32(viewSeed, mixtures, index, drawn);
    for (let word = 0; word < 4; word++) words[word] = drawn[word] as number;
    const share = mixing.mix(image, partner, imageShape, words);
    const [label, otherLabel] = [labels[index] as number, labels[other] as number];
    if (label < 0 || otherLabel < 0) return;
    target[label] = share;
    target[otherLabel] = (target[otherLabel] as number) + 1 - share;
  };
}

/**
 * Returns `ViewKey.spec`. Where images are mixed and the dataset is a subset, it names the subset,
 * since the partners come from it.
 */
export function viewSpec(
  { indices, images }: ImageDataset,
  augmentations: readonly Augmentation[],
  mixing: Mixing | undefined,
): string {
  if (mixing === undefined) return joinSpecs(augmentations);
  const spec = joinSpecs([...augmentations, mixing]);
  if (indices.length === images.count) return spec;
  const hash = hashName(indices.join(',')).toString(16).padStart(8, '0');
  return `${spec}+partners(count=${indices.length},hash=${hash})`;
}
