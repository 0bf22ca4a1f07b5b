import { readFile, writeFile } from 'node:fs/promises';
import { expectedError } from '@kd/core';

const readme = new URL('../README.md', import.meta.url);

/**
 * Writes each part's text between its marks in the README of this folder; the other parts stay.
 * @param texts By name of the part.
 */
export async function writeReadme(texts: Readonly<Record<string, string>>): Promise<void> {
  const whole = Object.entries(texts).reduce(
    (text, [name, part]) => replaceBetween(text, `bench:${name}`, part),
    await readFile(readme, 'utf8'),
  );
  await writeFile(readme, whole);
}

/**
 * The text with this between `<!-- name -->` and `<!-- /name -->`. @throws RangeError where the
 * marks are not there.
 */
export function replaceBetween(text: string, name: string, part: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from)
    throw expectedError(
      'bench',
      `${start} … ${end} in README.md`,
      'neither',
      'put them where the table belongs',
    );
  return `${text.slice(0, from + start.length)}\n${part}\n${text.slice(to)}`;
}
