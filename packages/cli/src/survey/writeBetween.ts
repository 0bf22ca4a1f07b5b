import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expectedError } from '@kd/core';
import { writeFileAtomic } from '@kd/files/node';

/**
 * Writes a text into a page, between `<!-- name -->` and `<!-- /name -->`. @throws RangeError where
 * the marks are not there.
 */
export async function writeBetween(page: URL, name: string, text: string): Promise<void> {
  const file = fileURLToPath(page);
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const whole = await readFile(file, 'utf8');
  const [from, to] = [whole.indexOf(start), whole.indexOf(end)];
  if (from < 0 || to < from)
    throw expectedError(file, `${start} … ${end}`, 'neither', 'put them where the table belongs');
  await writeFileAtomic(
    file,
    `${whole.slice(0, from + start.length)}\n\n${text}\n\n${whole.slice(to)}`,
  );
}
