/** @module @kd/data/node */
export type {
  ImageCollection,
  ImageSplit,
  ImageSplits,
  OpenOptions,
  StoredImage,
} from './collections/imageCollection.ts';
export { openImages } from './collections/openImages.ts';
export { type DecodeImageOptions, decodeImage } from './decoding/decodeImage.ts';
export { type DecodeOptions, decodeImages, type LoadedImages } from './decoding/decodeImages.ts';
export type { ImageFormat, ImageHeader } from './decoding/fileHeaders.ts';
export { type ProbedImage, probeImage } from './decoding/probeImage.ts';
export {
  type LengthRange,
  type ProbedImages,
  type ProbeImagesOptions,
  probeImages,
} from './decoding/probeImages.ts';
export type {
  DuplicatePair,
  ImageInspection,
  ImageSize,
  PictureOf,
  SplitInspection,
  SplitName,
  Tally,
  Thumbnail,
} from './inspection/imageInspection.ts';
export { type InspectedDatasets, inspectDatasets } from './inspection/inspectDatasets.ts';
export { inspectImages } from './inspection/inspectImages.ts';
export type { InspectOptions } from './inspection/inspectSplits.ts';
export { type LoadCifar10Options, type LoadedCifar10, loadCifar10 } from './loadCifar10.ts';
export { imageFolder, type LoadImagesOptions, loadImages } from './loadImages.ts';
