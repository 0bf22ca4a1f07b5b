import { type ImageDataset, stratifiedSubset, trainValidationSplit } from '@kd/data';
import type { DataRecord, SetRecord } from '@kd/report';
import type { DataChoice } from './config.ts';

/** The pictures of a run. */
export interface Pictures {
  /** The teacher learns from these. */
  readonly train: ImageDataset;
  /** The students learn from these: all of `train`, or some. */
  readonly lessons: ImageDataset;
  /** Kept out of training; they choose the best epoch. */
  readonly held: ImageDataset;
  /** Looked at once, at the end. */
  readonly test: ImageDataset;
  readonly source: string;
}

/** Which pictures belong to a run never depends on its seeds: runs stay comparable. */
const seed = 0;

/** Takes a run's pictures from the whole sets. */
export function choosePictures(
  whole: { readonly train: ImageDataset; readonly test: ImageDataset; readonly source: string },
  choice: DataChoice,
): Pictures {
  const { train, validation: held } = trainValidationSplit(taken(whole.train, choice.pictures), {
    validation: choice.held,
    seed,
  });
  const { taught = train.rows.length, tested } = choice;
  return {
    train,
    lessons: taken(train, taught),
    held,
    test: taken(whole.test, tested),
    source: whole.source,
  };
}

/** For `run.json`. */
export async function describePictures({
  train,
  held,
  test,
  source,
}: Pictures): Promise<DataRecord> {
  const describe = async (set: ImageDataset): Promise<SetRecord> => ({
    name: set.name,
    pictures: set.rows.length,
    identity: await set.fingerprint(),
  });
  return {
    source,
    train: await describe(train),
    held: await describe(held),
    test: await describe(test),
    classNames: train.classNames,
  };
}

/** The label of every row of the whole set; −1 where it is not one of these pictures. */
export function labelsByRow({ labels, rows }: ImageDataset): Int32Array {
  const known = new Int32Array(labels.length).fill(-1);
  for (const row of rows) known[row] = labels[row] as number;
  return known;
}

function taken(set: ImageDataset, count: number): ImageDataset {
  return count === set.rows.length ? set : stratifiedSubset(set, count, { seed });
}
