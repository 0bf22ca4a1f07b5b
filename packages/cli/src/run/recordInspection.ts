import type { ImageInspection, PictureOf } from '@kd/data/node';
import { type DataInspectionRecord, type PictureRecord, pngDataUri } from '@kd/report';

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
