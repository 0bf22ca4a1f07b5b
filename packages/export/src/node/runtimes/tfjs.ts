import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ensure } from '@kd/core';
import { importOptional } from '@kd/core/node';
import { getBackend, io, type Tensor, tensor4d, tidy, version_core } from '@tensorflow/tfjs-core';
import type { LoadedModel, ModelInterface, Runtime } from './runtime.ts';

/** Opens TF.js on the engine that runs. @throws RangeError where its converter is not installed. */
export async function openTfjs(): Promise<Runtime> {
  await importOptional(
    'kd export',
    '@tensorflow/tfjs-converter',
    () => import('@tensorflow/tfjs-converter'),
  );
  return {
    name: 'TensorFlow.js',
    version: version_core,
    settings: `engine ${getBackend()}`,
    load: loadTfjs,
  };
}

async function loadTfjs(directory: string, { imageShape }: ModelInterface): Promise<LoadedModel> {
  const started = performance.now();
  const { predict, dispose } = await openModel(directory);
  const loadMilliseconds = performance.now() - started;
  return {
    loadMilliseconds,
    async run(images, batch) {
      const input = tensor4d(images, [batch, ...imageShape]);
      const begun = performance.now();
      const logits = tidy(() => predict(input));
      const values = (await logits.data()) as Float32Array;
      const milliseconds = performance.now() - begun;
      input.dispose();
      logits.dispose();
      return { values: values.slice(), milliseconds };
    },
    close: async () => dispose(),
  };
}

/** A graph model or a layers model. */
interface Model {
  readonly predict: (images: Tensor) => Tensor;
  readonly dispose: () => void;
}

async function openModel(directory: string): Promise<Model> {
  const json = JSON.parse(
    await readFile(path.join(directory, 'model.json'), 'utf8'),
  ) as io.ModelJSON;
  const artifacts = await io.getModelArtifactsForJSON(json, async (manifest) => {
    const files = manifest.flatMap(({ paths }) => paths);
    const shards = await Promise.all(files.map((name) => readFile(path.join(directory, name))));
    const specs = manifest.flatMap(({ weights }) => weights);
    return [specs, Uint8Array.from(Buffer.concat(shards)).buffer];
  });
  const source: io.IOHandler = { load: async () => artifacts };
  if (json.format === 'layers-model') {
    const { loadLayersModel } = await importOptional(
      'kd export',
      '@tensorflow/tfjs-layers',
      () => import('@tensorflow/tfjs-layers'),
    );
    const model = await loadLayersModel(source);
    return {
      predict: (images) => [model.predict(images)].flat()[0] as Tensor,
      dispose: () => model.dispose(),
    };
  }
  const { loadGraphModel } = await import('@tensorflow/tfjs-converter');
  const model = await loadGraphModel(source);
  const [input] = model.inputs;
  const [output] = model.outputs;
  const isWhole = input !== undefined && output !== undefined;
  ensure(isWhole, directory, 'an input and an output', 'neither');
  return {
    predict: (images) => model.execute({ [input.name]: images }, output.name) as Tensor,
    dispose: () => model.dispose(),
  };
}
