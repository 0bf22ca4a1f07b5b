export { cifar10ClassNames } from './cifar/cifar10.ts';
export { type Cifar10, readCifar10 } from './cifar/readCifar10.ts';
export { type DataLoaderOptions, dataLoader } from './dataLoader.ts';
export { type ImageDataset, type ImageDatasetOptions, imageDataset } from './imageDataset.ts';
export { type TrainValidation, trainValidationSplit } from './split.ts';
export { stratifiedSubset } from './take.ts';
export { randomCrop } from './views/crop.ts';
export { cutout } from './views/cutout.ts';
export { randomHorizontalFlip } from './views/flip.ts';
export type {
  Augmentation,
  GeometricTransform,
  PixelTransform,
  RandomWords,
} from './views/viewTransform.ts';
