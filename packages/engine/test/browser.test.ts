import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

test('a browser’s bundle of @kd/engine has no Node in it, no koffi and no unzipper', async () => {
  const { metafile, outputFiles } = await build({
    stdin: {
      contents: `export { startEngine } from '@kd/engine';`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['@kd/source'],
    splitting: true,
    outdir: 'nowhere',
    minify: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.filter((path) => /koffi|yauzl|engine\/src\/node|vendor/.test(path))).toEqual([]);
  expect(inputs.filter((path) => path.includes('engine/src/')).length).toBeGreaterThan(5);
  const imports = Object.values(metafile.outputs).flatMap((output) =>
    output.imports.filter(({ external }) => external === true).map(({ path }) => path),
  );
  expect(imports.filter((path) => path.startsWith('node:'))).toEqual([]);
  expect(outputFiles.length).toBeGreaterThan(0);
});
