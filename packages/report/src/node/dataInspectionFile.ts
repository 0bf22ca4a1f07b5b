import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '@kd/files/node';
import { type DataInspectionRecord, formatDataInspection } from '../dataInspection.ts';
import { parseDataInspection } from '../parseDataInspection.ts';

const fileName = 'data.json';

/** Writes the inspection of a run's images, `data.json`, whole. */
export async function writeDataInspection(
  directory: string,
  record: DataInspectionRecord,
): Promise<void> {
  await writeFileAtomic(path.join(directory, fileName), formatDataInspection(record));
}

/**
 * Reads the inspection of a run's images.
 * @returns undefined where the directory holds no `data.json`.
 * @throws RangeError on a file that is no inspection, or one of another version.
 */
export async function readDataInspection(
  directory: string,
): Promise<DataInspectionRecord | undefined> {
  const file = path.join(directory, fileName);
  let json: string;
  try {
    json = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parseDataInspection(json, file);
}
