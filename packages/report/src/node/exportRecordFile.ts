import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExportRecord } from '../exportRecord.ts';
import { parseExportRecord } from '../parseExportRecord.ts';

const fileName = 'export.json';

/**
 * Reads the record of exported files.
 * @returns undefined where the directory holds no `export.json`.
 * @throws RangeError on a file that is no record, or one of another version.
 */
export async function readExportRecord(directory: string): Promise<ExportRecord | undefined> {
  const file = path.join(directory, fileName);
  let json: string;
  try {
    json = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parseExportRecord(json, file);
}
