import {
  type ColorJitterOptions,
  colorJitter,
  cutmix,
  type Augmentation as ImageAugmentation,
  type Mixing,
  mixup,
  type RandAugmentOptions,
  type RandomErasingOptions,
  type RandomResizedCropOptions,
  randAugment,
  randomChoice,
  randomCrop,
  randomErasing,
  randomHorizontalFlip,
  randomResizedCrop,
} from '@kd/data';

/** Random changes of the training images, in the order of these fields. */
export interface Augmentation {
  /** Width in pixels of the reflected border before a random crop; 0 for no crop. */
  readonly padding: number;
  /** Whether images are flipped horizontally at random. */
  readonly flip: boolean;
  /**
   * Different views of every image: epochs go through them and start again, and the teacher's
   * logits are cached for each. 1 where nothing is random.
   */
  readonly views: number;
  /** In the place of a border: a box of random area and shape, resized. */
  readonly randomResizedCrop?: RandomResizedCropOptions;
  readonly randAugment?: RandAugmentOptions;
  readonly colorJitter?: ColorJitterOptions;
  readonly randomErasing?: RandomErasingOptions;
  /**
   * Mixes images and labels in pairs: the alpha of mixup, of cutmix, or of both, of which one is
   * drawn for each image. Teacher and student see the same mixed images.
   */
  readonly mixing?: { readonly mixup?: number; readonly cutmix?: number };
}

/** The changes of a data loader. */
export interface CreatedAugmentation {
  readonly augmentations: readonly ImageAugmentation[];
  readonly mixing?: Mixing;
}

/** Creates what a data loader applies. @throws RangeError on options out of range. */
export function createAugmentation(augmentation: Augmentation): CreatedAugmentation {
  const { padding, flip, mixing, ...own } = augmentation;
  const mixings = [
    ...(mixing?.mixup === undefined ? [] : [mixup({ alpha: mixing.mixup })]),
    ...(mixing?.cutmix === undefined ? [] : [cutmix({ alpha: mixing.cutmix })]),
  ];
  const [first] = mixings;
  return {
    augmentations: [
      ...(own.randomResizedCrop === undefined ? [] : [randomResizedCrop(own.randomResizedCrop)]),
      ...(padding > 0 ? [randomCrop({ padding, fill: 'reflect' })] : []),
      ...(flip ? [randomHorizontalFlip()] : []),
      ...(own.randAugment === undefined ? [] : [randAugment(own.randAugment)]),
      ...(own.colorJitter === undefined ? [] : [colorJitter(own.colorJitter)]),
      ...(own.randomErasing === undefined ? [] : [randomErasing(own.randomErasing)]),
    ],
    ...(first !== undefined && { mixing: mixings.length === 1 ? first : randomChoice(mixings) }),
  };
}
