import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readGolden } from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'kd-golden-'));
afterAll(() => rmSync(folder, { recursive: true }));

function reading(text: string): () => unknown {
  const path = join(folder, 'golden.json');
  writeFileSync(path, text);
  return () => readGolden(path);
}

test('a file with one section is enough', () => {
  expect(reading('{"losses": []}')()).toEqual({ losses: [] });
});

test('a bad file is named, with what was expected', () => {
  const path = join(folder, 'golden.json');
  expect(() => readGolden(join(folder, 'none.json'))).toThrow(
    `golden: expected a file of golden numbers, got ${join(folder, 'none.json')} (ENOENT); set KD_GOLDEN.`,
  );
  expect(reading('{')).toThrow(`golden: expected JSON, got ${path}, which is none; set KD_GOLDEN.`);
  expect(reading('[1]')).toThrow(
    `golden: expected a JSON object with losses, optimizers …, got [1]; look into ${path}.`,
  );
  expect(reading('{"losses": {}}')).toThrow(
    `golden: expected losses as a list, got {}; look into ${path}.`,
  );
  expect(reading('{"inputs": [2]}')).toThrow(
    `golden: expected inputs as an object, got [2]; look into ${path}.`,
  );
  expect(reading('{"a": 1}')).toThrow(
    /^golden: expected one of the sections losses, .*, got a; look into /,
  );
});
