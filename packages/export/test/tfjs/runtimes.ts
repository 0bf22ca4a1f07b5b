import type { Graph } from '@kd/core';
import { concatBytes } from '@kd/files';
import { expectClose } from '@kd/testing';
import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import { runGraph } from '../../src/graph/runGraph.ts';
import { exportTfjs, type TfjsOptions } from '../../src/tfjs/exportTfjs.ts';

type Files = ReturnType<typeof exportTfjs>;

/** What `model.json` holds. */
// biome-ignore lint/suspicious/noExplicitAny: a file of another library
export function readModelJson(files: Files): any {
  return JSON.parse(new TextDecoder().decode(files['model.json']));
}

/** The bytes of all weights. */
export function weightsOf(files: Files): ArrayBuffer {
  const [{ paths }] = readModelJson(files).weightsManifest;
  return concatBytes(paths.map((path: string) => files[path])).buffer;
}

/** Loads a graph model from its files, as `loadGraphModel(url)` does. */
export function loadFiles(files: Files): Promise<GraphModel> {
  const { modelTopology, weightsManifest, format, signature } = readModelJson(files);
  const [{ weights: weightSpecs }] = weightsManifest;
  const weightData = weightsOf(files);
  return loadGraphModel({
    load: async () => ({ modelTopology, format, signature, weightSpecs, weightData }),
  });
}

/**
 * Holds a graph model against our engine: logits and taps, for batches of 1, 2 and 3, within
 * `tolerance` of the largest value of each output.
 */
export async function expectRunsAs(
  graph: Graph,
  options: TfjsOptions = {},
  tolerance = 1e-5,
): Promise<void> {
  const model = await loadFiles(exportTfjs(graph, { taps: true, ...options }));
  const { outputs: signature } = model.modelSignature as {
    outputs: Record<string, { name: string }>;
  };
  const named: Record<string, string> = { ...graph.features, logits: graph.logits };
  for (const batch of [1, 2, 3]) {
    const images = tf.randomUniform([batch, ...graph.input.shape], 0, 1, 'float32', batch);
    const ours = runGraph(graph, images as tf.Tensor4D);
    const names = Object.keys(named);
    const nodes = names.map((name) => signature[name]?.name as string);
    const theirs = [model.execute({ [graph.input.name]: images }, nodes)].flat();
    names.forEach((name, at) => {
      const expected = ours[named[name] as string] as tf.Tensor;
      const got = theirs[at] as tf.Tensor;
      expect([name, got.shape]).toEqual([name, expected.shape]);
      expectClose(got.dataSync(), expected.dataSync(), tolerance);
    });
    tf.dispose([images, ours, theirs]);
  }
  model.dispose();
}
