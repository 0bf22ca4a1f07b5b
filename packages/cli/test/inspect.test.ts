import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCommandLine } from '../src/commands/runCommandLine.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-inspect-'));
const pets = path.join(root, 'pets');

/** Runs `kd inspect`. @returns Its exit code and what it printed. */
async function inspect(...args: string[]) {
  const printed = { output: '', errors: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.output += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed.errors += String(text);
    return true;
  });
  try {
    return { code: await runCommandLine(['inspect', ...args]), ...printed };
  } finally {
    vi.restoreAllMocks();
  }
}

async function writePicture(file: string, level: number): Promise<void> {
  const pixels = Buffer.from(Array.from({ length: 8 * 8 * 3 }, (_, at) => (at * level) % 256));
  mkdirSync(path.dirname(path.join(pets, file)), { recursive: true });
  await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
    .png()
    .toFile(path.join(pets, file));
}

beforeAll(async () => {
  for (let at = 0; at < 12; at++) {
    await writePicture(`train/cats/${at}.png`, 2 * at + 3);
    await writePicture(`train/dogs/${at}.png`, 2 * at + 51);
  }
  await writePicture('test/cats/100.png', 3);
  await writePicture('test/dogs/101.png', 201);
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(root, { recursive: true }));

describe('kd inspect', () => {
  test('prints what a directory holds and writes a page', async () => {
    const out = path.join(root, 'page.html');
    const { code, output } = await inspect(pets, '--out', out);
    expect(code).toBe(0);
    expect(output).toContain(
      '24 images of 2 classes for training, 2 for testing; all 8 × 8 pixels.',
    );
    expect(output).toMatch(/cats +12 +1\n/);
    expect(output).toContain('Duplicates: 1 image of test is in train too\n');
    expect(output).toContain('! 1 image of test is in train too: ');
    expect(output).toContain(`Page: ${out}\n`);
    expect(readFileSync(out, 'utf8')).toContain('<h2>Duplicates</h2>');
  });

  test('lists broken files, and ends with 1 unless they are left out', async () => {
    const file = path.join(pets, 'train/cats/5b.png');
    writeFileSync(file, 'no picture');
    try {
      const reason =
        'expected a picture (JPEG, PNG, WebP, AVIF, GIF or TIFF), got another kind of file';
      const { code, output } = await inspect(pets, '--out', root);
      expect(code).toBe(1);
      expect(output).toContain(`Cannot be read: 1\n  train/cats/5b.png: ${reason}\n`);
      expect(output).toContain('✗ 1 image cannot be read, such as train/cats/5b.png');
      expect(output).toContain(`Page: ${path.join(root, 'pets-data.html')}\n`);
      const skipped = await inspect(pets, '--skip-broken', '--json');
      expect(skipped.code).toBe(0);
      const record = JSON.parse(skipped.output);
      expect(record).toMatchObject({ format: 1, broken: { images: 1 }, problems: [] });
      expect(skipped.output).not.toContain('data:image/png');
    } finally {
      rmSync(file);
    }
  });

  test('takes a sample, and says so', async () => {
    const { output } = await inspect(pets, '--images', '13', '--size', '16', '--out', root);
    expect(output).toContain(
      'Classes are counted over all images; all else is measured on 13 of 26, which lie at equal distances.',
    );
    expect(output).toContain('Smaller than 16 pixels: 13\n');
  });

  test('names what is wrong in one line', async () => {
    expect(await inspect()).toMatchObject({
      code: 2,
      errors: expect.stringMatching(/^kd inspect: expected a directory, .*, got nothing; .*\.\n$/),
    });
    expect(await inspect(pets, '--images', '0')).toMatchObject({
      code: 2,
      errors: expect.stringContaining('--images: expected a whole number of images ≥ 1, got 0'),
    });
    const none = path.join(root, 'nothing');
    mkdirSync(none);
    expect(await inspect(none)).toMatchObject({
      code: 1,
      errors: `kd: openImages '${none}': expected one directory for each class, with its pictures: cats/1.jpg, dogs/2.jpg, got no directory in it; make one for each class and put its pictures there.\n`,
    });
    const { code, errors } = await inspect(path.join(root, 'missing'));
    expect([code, errors.split('\n').length]).toEqual([1, 2]);
    expect(errors).toContain('missing');
  });

  test.skipIf(process.platform === 'win32')(
    'goes on where nobody reads what it prints',
    async () => {
      const out = path.join(root, 'closed.html');
      const main = path.resolve(import.meta.dirname, '../src/main.ts');
      const node = `'${process.execPath}' --conditions=@kd/source --import tsx '${main}'`;
      const { stderr } = await promisify(execFile)('sh', [
        '-c',
        `${node} inspect '${pets}' --out '${out}' | true`,
      ]);
      expect(stderr).not.toContain('EPIPE');
      expect(readFileSync(out, 'utf8')).toContain('Written by kd inspect.');
    },
  );
});
