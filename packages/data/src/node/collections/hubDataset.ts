import { expectedError } from '@kd/core';
import { type DatasetFiles, fetchDatasetFiles } from '@kd/files/node';
import type { ImageCollection, OpenOptions } from './imageCollection.ts';
import { listNames } from './imageFiles.ts';
import { openParquetFiles } from './parquet.ts';

/** Where the hub keeps its own conversion of datasets in other formats. */
const conversion = 'refs/convert/parquet';

/**
 * Opens the parquet files of a dataset on the Hugging Face hub, which are fetched into the hub's
 * own cache: those of the repository or of the path named, or the hub's conversion where the branch
 * `main` has none there. `HF_TOKEN`, `HF_ENDPOINT` and `HF_HUB_OFFLINE` are as in Python.
 * @param source `hf://datasets/owner/name[@revision][/path]`.
 * @throws RangeError in one line that names the address, what is there and a remedy.
 */
export async function openHubDataset(
  source: string,
  options: OpenOptions = {},
): Promise<ImageCollection> {
  const { createProgress, signal } = options;
  const fetched = await fetchDatasetFiles(source, {
    // Not all options: those of `loadImages` have a cache too, which is that of decoded images.
    ...(createProgress && { createProgress }),
    ...(signal && { signal }),
    choose: (names) => names.filter((name) => /\.parquet$/i.test(name)),
    otherBranch: conversion,
  });
  const { files, root, isOtherBranch } = fetched;
  if (files.length === 0) throw noParquet(source, fetched);
  const collection = await openParquetFiles(root, files, options);
  const warnings = isOtherBranch ? describeConversion(source, fetched) : [];
  return { ...collection, source, warnings: [...warnings, ...collection.warnings] };
}

function noParquet(source: string, { listed, root }: DatasetFiles): RangeError {
  const parquet = listed.filter((name) => /\.parquet$/i.test(name));
  if (parquet.length > 0)
    return expectedError(
      source,
      'parquet files below that path',
      `none; the repository has ${listNames(parquet)}`,
      `name a path of these, or ${root} for all`,
    );
  const remedy = listed.some((name) => /\.arrow$/i.test(name))
    ? "save it with to_parquet of Python's datasets and give the folder of these files"
    : 'download the repository, unpack its archives and give the folder of the pictures';
  const got = listed.length === 0 ? 'no files' : listNames(listed);
  return expectedError(source, `parquet files in the repository or in ${conversion}`, got, remedy);
}

function describeConversion(source: string, { files }: DatasetFiles): string[] {
  const warnings = [`${source}: these are the hub's own parquet files (${conversion})`];
  // The hub converts the first 5 GB of a large dataset, into directories of such names.
  const part = files.map(({ name }) => /(?:^|\/)(partial-[^/]+)\//.exec(name)?.[1]).find(Boolean);
  if (part !== undefined) warnings.push(`${source}: ${part} is only the first part of a split`);
  return warnings;
}
