import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../src/process.ts';

const rows = [
  ...readFileSync(join(root, 'docs/traps.md'), 'utf8').matchAll(
    /\| `([^`]+\.test\.ts)`: (.+) \|$/gm,
  ),
];

test('every trap names a test that exists', () => {
  expect(rows.length).toBeGreaterThan(25);
  const missing = rows.filter(
    ([, file, title]) =>
      !readFileSync(join(root, file as string), 'utf8').includes(
        (title as string).replaceAll('\\|', '|'),
      ),
  );
  expect(missing.map(([, file, title]) => `${file}: ${title}`)).toEqual([]);
});
