export type {
  Augmentation,
  GeometricTransform,
  PixelTransform,
  RandomWords,
  Range,
} from './augmentations/augmentation.ts';
export {
  type ColorJitterOptions,
  colorJitter,
  randomGrayscale,
} from './augmentations/colorJitter.ts';
export {
  randomCrop,
  randomHorizontalFlip,
  randomVerticalFlip,
} from './augmentations/cropAndFlip.ts';
export { cutout, type RandomErasingOptions, randomErasing } from './augmentations/erasing.ts';
export { cutmix, type Mixing, mixup, randomChoice } from './augmentations/mixing.ts';
export {
  type RandAugmentOptions,
  randAugment,
  type TrivialAugmentOptions,
  trivialAugment,
} from './augmentations/randAugment.ts';
export { type RandomResizedCropOptions, randomResizedCrop } from './augmentations/resizedCrop.ts';
export {
  type AffineInterpolation,
  type RandomAffineOptions,
  randomAffine,
  randomRotation,
} from './augmentations/rotation.ts';
export { type Cifar10, cifar10ClassNames, readCifar10 } from './cifar10.ts';
export { type DataLoaderOptions, dataLoader } from './dataLoader.ts';
export { type ImageDataset, type ImageDatasetOptions, imageDataset } from './imageDataset.ts';
export { hashPixels, type ImageRows } from './imageRows.ts';
export {
  type CropPlan,
  describeRecipe,
  type PixelRecipe,
  pixelRecipes,
  planCrop,
  preparePixels,
} from './pixels/recipes.ts';
export {
  type CropBox,
  type DecodedImage,
  type Interpolation,
  type ResampleOptions,
  resample,
} from './pixels/resample.ts';
export {
  countClasses,
  stratifiedSubset,
  type TrainTest,
  type TrainValidation,
  trainTestSplit,
  trainValidationSplit,
} from './subsets.ts';
