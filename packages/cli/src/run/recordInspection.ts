import { type ImageInspection, inspectDatasets, type PictureOf } from '@kd/data/node';
import { type DataInspectionRecord, type PictureRecord, pngDataUri } from '@kd/report';
import type { RunImages } from '../experiment/dataset.ts';
import type { SessionServices } from './context.ts';

/** Inspects the images of a run as they are trained on, for its report. */
export function inspectRun(
  { taughtTrain, train, validation, test, source, preparation, warnings = [] }: RunImages,
  { createProgress, signal }: Pick<SessionServices, 'createProgress' | 'signal'>,
): Promise<ImageInspection> {
  return inspectDatasets(
    {
      // Students may have fewer images than the teacher, or more: those without a label.
      train: taughtTrain.indices.length > train.indices.length ? taughtTrain : train,
      validation,
      test,
      source,
      ...(preparation !== undefined && { preparation }),
      warnings,
    },
    { skipBroken: true, createProgress, signal },
  );
}

/** Returns an inspection as the record that reports are made from, with its pictures as PNG. */
export async function recordInspection(inspection: ImageInspection): Promise<DataInspectionRecord> {
  const { duplicates, uniform, pictures } = inspection;
  const pairs = duplicates.pairs.map(async ({ first, second }) => ({
    first: await recordPicture(first),
    second: await recordPicture(second),
  }));
  return {
    format: 1,
    ...inspection,
    duplicates: { ...duplicates, pairs: await Promise.all(pairs) },
    uniform: { ...uniform, list: await Promise.all(uniform.list.map(recordPicture)) },
    pictures: await Promise.all(pictures.map(recordPicture)),
  };
}

async function recordPicture({ picture, ...place }: PictureOf): Promise<PictureRecord> {
  const { pixels, shape } = picture;
  const [height, width] = shape;
  return { ...place, png: await pngDataUri(pixels, shape), height, width };
}
