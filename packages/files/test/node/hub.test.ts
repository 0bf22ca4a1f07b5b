import { spawn } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectories } from '@kd/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { decodeSafetensors, encodeSafetensors, readShardIndex } from '../../src/index.ts';
import {
  type DatasetFilesOptions,
  type FetchOptions,
  fetchDatasetFiles,
  fetchFile,
  fileByteSource,
} from '../../src/node/index.ts';
import { COMMIT, CONVERTED, sha256Of, type TestHub, testHubs } from '../support/hubServer.ts';

const createDirectory = temporaryDirectories();
const startHub = testHubs();
const numbers = Float32Array.from({ length: 50_000 }, (_, at) => at / 7);
const model = encodeSafetensors(
  { 'fc.weight': { dtype: 'F32', shape: [50, 1000], data: numbers } },
  { format: 'pt' },
);
const files = {
  'README.md': new TextEncoder().encode('tiny'),
  'config.json': new TextEncoder().encode('{}'),
  'model.safetensors': model,
};
const url = `hf://kd/tiny@${COMMIT}/model.safetensors`;
let home = '';

/** Sets the environment to use this hub. */
function use({ endpoint }: TestHub): void {
  vi.stubEnv('HF_ENDPOINT', `${endpoint}/`);
}

beforeEach(() => {
  home = createDirectory();
  for (const name of ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_HUB_OFFLINE', 'HF_TOKEN'])
    vi.stubEnv(name, undefined);
  vi.stubEnv('HF_HOME', home);
});
afterEach(() => void vi.unstubAllEnvs());

/** Fetches weights and decodes them, those of all shards. */
async function fetchWeights(source: string, options: FetchOptions = {}) {
  const { path: file, metadata } = await fetchFile(source, options);
  const fileName = path.basename(file);
  const shards = file.endsWith('.index.json')
    ? readShardIndex(fileByteSource(file, fileName), fileName).shards
    : [fileName];
  const tensors = Object.assign(
    {},
    ...shards.map(
      (shard) =>
        decodeSafetensors(readFileSync(path.join(path.dirname(file), shard)), shard).tensors,
    ),
  ) as ReturnType<typeof decodeSafetensors>['tensors'];
  return { fileName, metadata, tensors };
}

const messageOf = (promise: Promise<unknown>) =>
  promise.then(String, (error: Error) => error.message);
const repository = () => path.join(home, 'hub', 'models--kd--tiny');

describe('weights on the hub', () => {
  test('are found, downloaded once and identified by their commit', async () => {
    const hub = await startHub({ files });
    use(hub);
    const weights = await fetchWeights('hf://kd/tiny');
    expect(weights.metadata).toEqual({ source: url, commit: COMMIT });
    expect(weights.fileName).toBe('model.safetensors');
    expect(weights.tensors['fc.weight']?.data).toEqual(numbers);
    expect(hub.requests).toEqual([
      'GET /api/models/kd/tiny/revision/main',
      `POST /api/models/kd/tiny/paths-info/${COMMIT}`,
      `GET /kd/tiny/resolve/${COMMIT}/model.safetensors`,
      'cdn whole',
    ]);
    hub.requests.length = 0;
    await fetchWeights('hf://kd/tiny');
    expect(hub.requests).toEqual(['GET /api/models/kd/tiny/revision/main']);
    hub.requests.length = 0;
    await fetchWeights(weights.metadata.source as string);
    expect(hub.requests).toEqual([]);
  });

  test("have the layout of Python's huggingface_hub in the cache", async () => {
    use(await startHub({ files }));
    await fetchWeights('hf://kd/tiny');
    expect(readFileSync(path.join(repository(), 'refs', 'main'), 'utf8')).toBe(COMMIT);
    expect(readdirSync(path.join(repository(), 'blobs'))).toEqual([sha256Of(model)]);
    const link = path.join(repository(), 'snapshots', COMMIT, 'model.safetensors');
    expect(readlinkSync(link)).toBe(path.join('..', '..', 'blobs', sha256Of(model)));
    expect(readFileSync(link).equals(model)).toBe(true);
  });

  test('that Python has downloaded are read without a request', async () => {
    const blobs = path.join(repository(), 'blobs');
    for (const directory of ['blobs', 'refs', path.join('snapshots', COMMIT)])
      mkdirSync(path.join(repository(), directory), { recursive: true });
    writeFileSync(path.join(blobs, sha256Of(model)), model);
    writeFileSync(path.join(repository(), 'refs', 'main'), COMMIT);
    symlinkSync(
      `../../blobs/${sha256Of(model)}`,
      path.join(repository(), 'snapshots', COMMIT, 'model.safetensors'),
    );
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
    expect((await fetchWeights('hf://kd/tiny')).metadata.source).toBe(url);
    expect(await messageOf(fetchWeights('hf://kd/tiny@v2'))).toBe(
      `hf://kd/tiny: expected the commit of v2 in ${repository()}, got none; unset HF_HUB_OFFLINE to request it.`,
    );
    expect(await messageOf(fetchWeights('hf://kd/tiny@main/other.bin'))).toBe(
      `hf://kd/tiny@${COMMIT}/other.bin: expected the file in ${repository()}, got none; unset HF_HUB_OFFLINE to download it.`,
    );
  });

  test('in several shards are all downloaded, beside their index', async () => {
    const part = (name: string, at: number) =>
      encodeSafetensors({ [name]: { dtype: 'F32', shape: [2], data: numbers.slice(at, at + 2) } });
    const index = JSON.stringify({
      metadata: { total_size: 16 },
      weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' },
    });
    const sharded = {
      'model.safetensors.index.json': new TextEncoder().encode(index),
      'model-1.safetensors': part('a', 0),
      'model-2.safetensors': part('b', 2),
    };
    use(await startHub({ files: sharded }));
    const { tensors, metadata } = await fetchWeights('hf://kd/tiny');
    expect(metadata.source).toBe(`hf://kd/tiny@${COMMIT}/model.safetensors.index.json`);
    expect([tensors.a?.data, tensors.b?.data]).toEqual([numbers.slice(0, 2), numbers.slice(2, 4)]);
  });

  test('are resumed where the connection broke, with progress in bytes', async () => {
    const hub = await startHub({ files, breakAfter: 70_000 });
    use(hub);
    const shown: unknown[] = [];
    const createProgress = (...opened: unknown[]) => {
      shown.push(opened);
      return { update: (done: number) => void shown.push(done), end: () => void shown.push('end') };
    };
    const { tensors } = await fetchWeights('hf://kd/tiny', { createProgress });
    expect(tensors['fc.weight']?.data).toEqual(numbers);
    expect(hub.requests.filter((text) => text.startsWith('cdn'))).toEqual([
      'cdn whole',
      'cdn bytes=70000-',
    ]);
    expect(shown[0]).toEqual(['download model.safetensors', model.length, 'B']);
    expect(shown.slice(-2)).toEqual([model.length, 'end']);
  });

  test('are resumed by the next call after an abort', async () => {
    const hub = await startHub({ files, breakAfter: 70_000 });
    use(hub);
    const stop = new AbortController();
    const createProgress = () => ({
      update: (done: number) => void (done >= 70_000 && stop.abort(new Error('stopped'))),
      end: () => {},
    });
    await expect(
      fetchWeights('hf://kd/tiny', { createProgress, signal: stop.signal }),
    ).rejects.toThrow('stopped');
    expect(readdirSync(path.join(repository(), 'blobs'))).toEqual([`${sha256Of(model)}.part`]);
    await fetchWeights('hf://kd/tiny');
    expect(hub.requests.filter((text) => text.startsWith('cdn'))).toEqual([
      'cdn whole',
      'cdn bytes=70000-',
    ]);
    expect(readdirSync(path.join(repository(), 'blobs'))).toEqual([sha256Of(model)]);
  });

  test('with another checksum than the hub has are refused, and nothing is cached', async () => {
    const altered = model.slice();
    altered[model.length - 1] = 1;
    use(await startHub({ files, altered }));
    expect(await messageOf(fetchWeights('hf://kd/tiny'))).toBe(
      `${url}: expected sha256 ${sha256Of(model)}, got ${sha256Of(altered)}; what the server sent is altered or cut short: try again.`,
    );
    expect(readdirSync(path.join(repository(), 'blobs'))).toEqual([]);
  });

  test('damaged in the cache are refused', async () => {
    use(await startHub({ files }));
    await fetchWeights('hf://kd/tiny');
    const link = path.join(repository(), 'snapshots', COMMIT, 'model.safetensors');
    writeFileSync(realpathSync(link), model.subarray(0, 1000));
    expect(await messageOf(fetchWeights(url))).toMatch(
      `; ${link} is damaged: remove it, and what it links to.`,
    );
  });

  test('may be fetched by several processes at once', async () => {
    const hub = await startHub({ files });
    const run = () =>
      new Promise<string>((resolve) => {
        const script = fileURLToPath(new URL('../fixtures/fetchOnce.ts', import.meta.url));
        const child = spawn(
          process.execPath,
          ['--conditions=@kd/source', '--import', 'tsx', script, 'hf://kd/tiny'],
          {
            env: { ...process.env, HF_HOME: home, HF_ENDPOINT: hub.endpoint },
          },
        );
        let output = '';
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (text) => (output += text));
        child.on('close', () => resolve(output.trim()));
      });
    expect(await Promise.all([run(), run()])).toEqual([sha256Of(model), sha256Of(model)]);
    expect(readdirSync(path.join(repository(), 'blobs'))).toEqual([sha256Of(model)]);
    expect(readdirSync(path.join(repository(), 'snapshots', COMMIT))).toEqual([
      'model.safetensors',
    ]);
  });
});

describe('files of a dataset', () => {
  const bytesOf = (text: string) => new TextEncoder().encode(text);
  const dataset = {
    'README.md': bytesOf('tiny'),
    'data/test.parquet': bytesOf('rows of the test set'),
    'data/train.parquet': bytesOf('rows of the training set'),
    'small/train.parquet': bytesOf('some rows'),
  };
  const converted = {
    'default/train/0000.parquet': bytesOf('converted rows'),
    'other/train/0000.parquet': bytesOf('converted rows of the other configuration'),
  };
  const options: DatasetFilesOptions = {
    choose: (names) => names.filter((name) => name.endsWith('.parquet')),
    otherBranch: 'refs/convert/parquet',
  };
  const fetchNames = async (source: string) =>
    (await fetchDatasetFiles(source, options)).files.map(({ name }) => name);
  const directory = () => path.join(home, 'hub', 'datasets--kd--tiny');

  test('are those chosen, downloaded once, and read offline', async () => {
    const hub = await startHub({ kind: 'dataset', files: dataset });
    use(hub);
    const fetched = await fetchDatasetFiles('hf://datasets/kd/tiny/data/', options);
    const snapshot = path.join(directory(), 'snapshots', COMMIT);
    const names = ['data/test.parquet', 'data/train.parquet'];
    expect(fetched).toEqual({
      files: names.map((name) => ({ name, path: path.join(snapshot, name) })),
      root: 'hf://datasets/kd/tiny',
      commit: COMMIT,
      isOtherBranch: false,
      listed: Object.keys(dataset),
    });
    expect(readFileSync(path.join(snapshot, 'data/train.parquet'), 'utf8')).toBe(
      'rows of the training set',
    );
    expect(readFileSync(path.join(directory(), 'refs', 'main'), 'utf8')).toBe(COMMIT);
    const asked = names.flatMap((name) => [
      `POST /api/datasets/kd/tiny/paths-info/${COMMIT}`,
      `GET /datasets/kd/tiny/resolve/${COMMIT}/${name}`,
      'cdn whole',
    ]);
    expect(hub.requests).toEqual(['GET /api/datasets/kd/tiny/revision/main', ...asked]);
    hub.requests.length = 0;
    expect(await fetchDatasetFiles('hf://datasets/kd/tiny/data', options)).toEqual(fetched);
    expect(await fetchNames(`hf://datasets/kd/tiny@${COMMIT}/data`)).toEqual(names);
    expect(hub.requests).toEqual(['GET /api/datasets/kd/tiny/revision/main']);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await fetchDatasetFiles('hf://datasets/kd/tiny/data', options)).toEqual(fetched);
    expect(hub.requests.length).toBe(1);
    expect(await messageOf(fetchNames('hf://datasets/kd/tiny'))).toBe(
      `hf://datasets/kd/tiny@${COMMIT}/small/train.parquet: expected the file in ${directory()}, got none; unset HF_HUB_OFFLINE to download it.`,
    );
  });

  test('are those of the other branch where main has none, offline too', async () => {
    const hub = await startHub({
      kind: 'dataset',
      files: { 'train/a.png': bytesOf('a') },
      converted,
    });
    use(hub);
    const source = 'hf://datasets/kd/tiny/default';
    const fetched = await fetchDatasetFiles(source, options);
    const name = 'default/train/0000.parquet';
    expect(fetched).toEqual({
      files: [{ name, path: path.join(directory(), 'snapshots', CONVERTED, name) }],
      root: 'hf://datasets/kd/tiny',
      commit: CONVERTED,
      isOtherBranch: true,
      listed: ['train/a.png'],
    });
    const reference = path.join(directory(), 'refs', 'refs', 'convert', 'parquet');
    expect(readFileSync(reference, 'utf8')).toBe(CONVERTED);
    hub.requests.length = 0;
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await fetchDatasetFiles(source, options)).toEqual(fetched);
    expect(hub.requests).toEqual([]);
    expect(await fetchNames('hf://datasets/kd/tiny@refs%2Fconvert%2Fparquet/default')).toEqual([
      name,
    ]);
  });

  test('are none where no branch has any, and only those of a revision that is named', async () => {
    use(await startHub({ kind: 'dataset', files: { 'a.arrow': bytesOf('a') } }));
    expect(await fetchDatasetFiles('hf://datasets/kd/tiny', options)).toMatchObject({
      files: [],
      isOtherBranch: false,
      listed: ['a.arrow'],
    });
    use(await startHub({ kind: 'dataset', files: { 'b.arrow': bytesOf('b') }, converted }));
    vi.stubEnv('HF_HOME', createDirectory());
    const fetched = await fetchDatasetFiles(`hf://datasets/kd/tiny@${COMMIT}`, options);
    expect(fetched).toMatchObject({ files: [], root: `hf://datasets/kd/tiny@${COMMIT}` });
  });

  test('that Python has downloaded are read without a request', async () => {
    const rows = dataset['data/train.parquet'];
    const snapshot = path.join(directory(), 'snapshots', COMMIT, 'data');
    for (const made of [snapshot, path.join(directory(), 'blobs'), path.join(directory(), 'refs')])
      mkdirSync(made, { recursive: true });
    writeFileSync(path.join(directory(), 'blobs', sha256Of(rows)), rows);
    writeFileSync(path.join(directory(), 'refs', 'main'), COMMIT);
    const blob = `../../../blobs/${sha256Of(rows)}`;
    symlinkSync(blob, path.join(snapshot, 'train.parquet'));
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
    expect(await fetchNames('hf://datasets/kd/tiny')).toEqual(['data/train.parquet']);
  });

  test('are resumed where the connection broke, and verified each time', async () => {
    const rows = new Uint8Array(numbers.buffer);
    const hub = await startHub({
      kind: 'dataset',
      files: { 'train.parquet': rows },
      breakAfter: 70_000,
    });
    use(hub);
    expect(await fetchNames('hf://datasets/kd/tiny')).toEqual(['train.parquet']);
    expect(hub.requests.filter((text) => text.startsWith('cdn'))).toEqual([
      'cdn whole',
      'cdn bytes=70000-',
    ]);
    const link = path.join(directory(), 'snapshots', COMMIT, 'train.parquet');
    writeFileSync(realpathSync(link), rows.subarray(0, 1000));
    expect(await messageOf(fetchNames('hf://datasets/kd/tiny'))).toMatch(
      `; ${link} is damaged: remove it, and what it links to.`,
    );
  });

  test('are refused where the address or the name of a file is wrong', async () => {
    const hub = await startHub({
      kind: 'dataset',
      files: {},
      siblings: [{ rfilename: '../x.parquet' }],
    });
    use(hub);
    expect(await messageOf(fetchNames('hf://datasets/kd/tiny'))).toBe(
      `hf://datasets/kd/tiny@${COMMIT}/../x.parquet: expected a file name inside its directory, got "../x.parquet".`,
    );
    expect(await messageOf(fetchNames('hf://datasets/kd/other'))).toMatch(
      `hf://datasets/kd/other@main: expected a repository on ${hub.endpoint}, got HTTP status 404`,
    );
    expect(await messageOf(fetchNames('hf://kd/tiny'))).toBe(
      'fetchDatasetFiles: expected a URL such as hf://datasets/ylecun/mnist, hf://datasets/ylecun/mnist@main/mnist, got hf://kd/tiny.',
    );
    expect(await messageOf(fetchNames('hf://datasets/kd/tiny/%2E%2E/x'))).toBe(
      'hf://datasets/kd/tiny/%2E%2E/x: expected a file name inside its directory, got "../x".',
    );
  });
});

describe('a token', () => {
  test('is sent to the hub and not to the host that it redirects to', async () => {
    const hub = await startHub({ files, token: 'secret' });
    use(hub);
    vi.stubEnv('HF_TOKEN', 'secret');
    await fetchWeights('hf://kd/tiny');
    expect(hub.requests.map((text) => text.endsWith('+token'))).toEqual([true, true, true, false]);
  });

  test('that is missing is named in the error', async () => {
    const hub = await startHub({ files, token: 'secret' });
    use(hub);
    expect(await messageOf(fetchWeights('hf://kd/tiny'))).toBe(
      `hf://kd/tiny@main: expected access to ${hub.endpoint}, got HTTP status 401 (RepoNotFound); there is no such repository, or it is private or gated: set HF_TOKEN to a token that may read it.`,
    );
  });
});

describe('errors name a remedy:', () => {
  test('no such repository, revision, file', async () => {
    const hub = await startHub({ files });
    use(hub);
    const remedy = 'check its name, and HF_TOKEN if it is private.';
    expect(await messageOf(fetchWeights('hf://kd/other'))).toBe(
      `hf://kd/other@main: expected a repository on ${hub.endpoint}, got HTTP status 404 (RepoNotFound); ${remedy}`,
    );
    expect(await messageOf(fetchWeights('hf://kd/tiny@v2'))).toBe(
      `hf://kd/tiny@v2: expected a revision on ${hub.endpoint}, got HTTP status 404 (RevisionNotFound); ${remedy}`,
    );
    expect(await messageOf(fetchWeights('hf://kd/tiny@main/none.bin'))).toBe(
      `hf://kd/tiny@${COMMIT}/none.bin: expected such a file in the repository, got none; check its name.`,
    );
  });

  test('no weights, or several', async () => {
    use(await startHub({ files: { 'README.md': model } }));
    expect(await messageOf(fetchWeights('hf://kd/tiny'))).toMatch(
      /expected weights \(model\.safetensors, .*\) in the repository, got \[README\.md\]/,
    );
    use(await startHub({ files: { 'a.pth': model, 'b.pth': model } }));
    expect(await messageOf(fetchWeights('hf://kd/tiny'))).toMatch(
      `expected one file of weights, got [a.pth, b.pth]; name one: hf://kd/tiny@${COMMIT}/a.pth.`,
    );
  });

  test('no network', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
    mkdirSync(path.join(repository(), 'refs'), { recursive: true });
    writeFileSync(path.join(repository(), 'refs', 'main'), COMMIT);
    expect(await messageOf(fetchWeights('hf://kd/tiny'))).toMatch(
      `check the network, or set HF_HUB_OFFLINE=1 to use ${COMMIT} from the cache.`,
    );
  });

  test('a wrong URL', async () => {
    for (const wrong of [
      'hf://tiny',
      'hf://../tiny',
      'hf://kd/..',
      'hf://kd/a--b',
      'hf://datasets/a/b',
      'hf://kd/tiny@../x',
      'hf://kd/tiny/%2E%2E/x',
    ]) {
      expect(await messageOf(fetchWeights(wrong))).toMatch(/^(fetchFile|hf:.*): expected/);
    }
  });
});

describe('wrong answers of a hub', () => {
  test.each([
    [
      'a commit that leads out of the cache',
      { sha: '../../etc' },
      /expected a commit of 40 hexadecimal digits, got \.\.\/\.\.\/etc/,
    ],
    [
      'a checksum that leads out of the cache',
      { lfs: { oid: '../../../x', size: 1 } },
      /expected a checksum in hexadecimal/,
    ],
    ['no size', { lfs: { oid: 'a'.repeat(64), size: -1 } }, /expected a size in bytes, got -1/],
    ['a directory', { type: 'directory' }, /expected such a file in the repository, got directory/],
    ['fewer bytes than there are', { lfs: { oid: 'a'.repeat(64), size: 10 } }, /more than 10;/],
  ])('with %s is refused', async (_, answer, message) => {
    use(await startHub({ files, answer }));
    expect(await messageOf(fetchWeights('hf://kd/tiny'))).toMatch(message);
  });

  test('about its files is refused', async () => {
    use(await startHub({ files, siblings: [{ rfilename: '../../x.safetensors' }] }));
    expect(await messageOf(fetchWeights('hf://kd/tiny'))).toMatch(
      'expected a file name inside its directory, got "../../x.safetensors".',
    );
    use(await startHub({ files, siblings: [null] }));
    expect(await messageOf(fetchWeights('hf://kd/tiny'))).toMatch(
      'does not answer as the hub does.',
    );
  });
});
