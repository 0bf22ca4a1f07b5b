import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ensure } from '@kd/core';
import { importOptional } from '@kd/core/node';
import { getBackend, io, type Tensor, tensor4d, tidy, version_core } from '@tensorflow/tfjs-core';
import type { LoadedModel, ModelInterface, Runtime } from './runtime.ts';

/** Opens TF.js on the engine that runs. @throws RangeError where its converter is not installed. */
export async function openTfjs(): Promise<Runtime> {
  const load = (name: string, load: () => Promise<unknown>) =>
    importOptional('kd export', name, load);
  await load('@tensorflow/tfjs-converter', () => import('@tensorflow/tfjs-converter'));
  await load('@tensorflow/tfjs-layers', () => import('@tensorflow/tfjs-layers'));
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

/** A model of either format. */
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
  const one = (output: unknown, caller: string) => {
    const [first] = [output].flat() as Tensor[];
    ensure(first !== undefined, caller, 'an output', 'none');
    return first;
  };
  if (json.format === 'graph-model') {
    const { loadGraphModel } = await import('@tensorflow/tfjs-converter');
    const model = await loadGraphModel(source);
    const [input] = model.inputs;
    ensure(input !== undefined, directory, 'a graph model with an input', 'one without');
    const name = model.outputs[0]?.name ?? '';
    return {
      predict: (images) => one(model.execute({ [input.name]: images }, name), directory),
      dispose: () => model.dispose(),
    };
  }
  const { loadLayersModel } = await import('@tensorflow/tfjs-layers');
  const model = await loadLayersModel(source);
  return {
    predict: (images) => one(model.apply(images, { training: false }), directory),
    dispose: () => void model.dispose(),
  };
}
