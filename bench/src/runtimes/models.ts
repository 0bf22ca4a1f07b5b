import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Graph, Network } from '@kd/core';
import { calibrate, exportLiteRt, exportOnnx, exportTfjs } from '@kd/export';
import { cifarResnet, mobileNetV2, studentCnn } from '@kd/models';
import { networkGraph } from '@kd/models/graph';
import * as tf from '@tensorflow/tfjs-core';

/** A network as files, and what they are. */
export interface ModelFiles {
  readonly network: string;
  readonly side: number;
  readonly classes: number;
  readonly graph: Graph;
  readonly files: readonly ModelFile[];
}

export interface ModelFile {
  readonly format: 'onnx' | 'tfjs' | 'litert';
  readonly numbers: 'float32' | 'int8';
  /** A file, or a directory for TF.js. */
  readonly path: string;
  readonly bytes: number;
}

const networks: readonly (readonly [string, number, number, () => Network])[] = [
  ['default student', 32, 10, () => studentCnn({ classes: 10, seed: 0 })],
  ['ResNet-20', 32, 10, () => cifarResnet({ depth: 20, classes: 10, seed: 0 })],
  ['MobileNetV2', 224, 1000, () => mobileNetV2({ classes: 1000, seed: 0, stem: 'imagenet' })],
];

/** Writes the networks of the table into a directory, and returns those that ran them. */
export async function writeModels(
  directory: string,
): Promise<readonly (ModelFiles & { readonly model: Network })[]> {
  const all = [];
  for (const [network, side, classes, create] of networks) {
    const model = create();
    const graph = networkGraph(model, { imageShape: [side, side, 3], taps: false });
    const images = tf.randomUniform<tf.Rank.R4>([4, side, side, 3], 0, 1, 'float32', 0);
    const calibration = await calibrate(graph, [images], { method: 'minMax' });
    images.dispose();
    const base = network.replaceAll(/\W/g, '');
    const write = async (
      format: ModelFile['format'],
      numbers: ModelFile['numbers'],
      name: string,
      content: Uint8Array,
    ): Promise<ModelFile> => {
      const file = path.join(directory, name);
      await writeFile(file, content);
      return { format, numbers, path: file, bytes: content.length };
    };
    all.push({
      network,
      side,
      classes,
      graph,
      model,
      files: [
        await write('onnx', 'float32', `${base}.onnx`, exportOnnx(graph)),
        await write('onnx', 'int8', `${base}-int8.onnx`, exportOnnx(graph, { calibration })),
        await write('litert', 'float32', `${base}.tflite`, exportLiteRt(graph)),
        await write('litert', 'int8', `${base}-int8.tflite`, exportLiteRt(graph, { calibration })),
        await writeTfjs(path.join(directory, base), graph),
      ],
    });
  }
  return all;
}

async function writeTfjs(directory: string, graph: Graph): Promise<ModelFile> {
  await mkdir(directory);
  const parts = Object.entries(exportTfjs(graph));
  for (const [name, content] of parts) await writeFile(path.join(directory, name), content);
  const bytes = parts.reduce((sum, [, { length }]) => sum + length, 0);
  return { format: 'tfjs', numbers: 'float32', path: `${directory}${path.sep}`, bytes };
}
