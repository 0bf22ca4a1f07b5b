import type { ImageDataset } from '../../imageDataset.ts';
import type { ImageInspection, SplitName } from './imageInspection.ts';
import { type InspectedSplit, pixelFormat } from './inspectedSplit.ts';
import { type InspectOptions, inspectSplits } from './inspectSplits.ts';

/** Datasets to inspect, and what is known about them. */
export interface InspectedDatasets {
  readonly train: ImageDataset;
  readonly validation?: ImageDataset;
  readonly test?: ImageDataset;
  /** Where they are from. */
  readonly source: string;
  /** How their pixels were made from files. */
  readonly preparation?: string;
  /** Lines that come before those of the inspection. */
  readonly warnings?: readonly string[];
}

/**
 * Inspects datasets as they are trained on: like `inspectImages`, at the size and with the pixels
 * of training.
 */
export async function inspectDatasets(
  { train, validation, test, source, preparation, warnings = [] }: InspectedDatasets,
  options: InspectOptions = {},
): Promise<ImageInspection> {
  const splits = Object.entries({ train, validation, test }).flatMap(([name, dataset]) =>
    dataset === undefined ? [] : [splitOfDataset(name as SplitName, dataset)],
  );
  return inspectSplits(
    {
      source,
      ...(preparation !== undefined && { preparation }),
      classNames: train.classNames,
      splits,
      warnings,
    },
    options,
  );
}

function splitOfDataset(split: SplitName, dataset: ImageDataset): InspectedSplit {
  const { images, indices, labels, imageShape } = dataset;
  const [height, width, channels] = imageShape;
  const format = pixelFormat(channels);
  const rowOf = (index: number) => indices[index] as number;
  return {
    split,
    count: indices.length,
    labelOf: (index) => labels[rowOf(index)] as number,
    nameOf: (index) => `image ${rowOf(index)}`,
    open: async (index) => ({
      height,
      width,
      format,
      // A copy: a row is valid until the next one is read.
      decode: async () => ({
        pixels: images.read(rowOf(index)).slice(),
        height,
        width,
        channels,
        notes: [],
      }),
    }),
  };
}
