import type { Graph } from '@kd/core';
import '@tensorflow/tfjs-backend-cpu';
import { expectClose } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, expect } from 'vitest';
import { runGraph } from '../../src/graph/runGraph.ts';
import { exportOnnx, type OnnxOptions } from '../../src/onnx/exportOnnx.ts';
import { type Calibration, calibrate } from '../../src/quantization/calibrate.ts';

/** What follows runs on the engine that is the reference. */
export function onCpu(): void {
  beforeAll(async () => {
    await tf.setBackend('cpu');
  });
}

/** Images from 0 to 1 that differ. */
export function imagesOf([height, width, channels]: readonly number[], batch: number) {
  const shape = [batch, height, width, channels] as [number, number, number, number];
  const count = shape.reduce((product, side) => product * side, 1);
  const data = Float32Array.from({ length: count }, (_, at) => {
    const value = 43_758.5453 * Math.sin(12.9898 * (at + 1));
    return value - Math.floor(value);
  });
  return { data, shape };
}

/** A value with its shape. */
export interface Value {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** Runs a file on images [batch, height, width, channels]. @returns Outputs by name. */
export async function runFile(
  file: Uint8Array,
  { data, shape }: ReturnType<typeof imagesOf>,
): Promise<Record<string, Value>> {
  const session = await InferenceSession.create(file, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const [input] = session.inputNames as [string];
  const outputs = await session.run({ [input]: new Tensor('float32', data, shape) });
  await session.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data, dims }]) => [
      name,
      { data: data as Float32Array, dims },
    ]),
  );
}

/** The logits and the taps of a graph in our engine, under the names of their outputs. */
export function runReference(
  graph: Graph,
  { data, shape }: ReturnType<typeof imagesOf>,
): Record<string, Value> {
  const named = { ...graph.features, logits: graph.logits };
  const images = tf.tensor4d(data, shape);
  const values = runGraph(graph, images);
  const outputs = Object.fromEntries(
    Object.entries(named).map(([name, value]) => {
      const tensor = values[value] as tf.Tensor;
      return [name, { data: tensor.dataSync<'float32'>().slice(), dims: tensor.shape }];
    }),
  );
  tf.dispose([images, Object.values(values)]);
  return outputs;
}

/**
 * Holds a file of the graph, run by onnxruntime-node, against our engine: logits and taps, for
 * batches of 1, 2 and 3, within 1e-4 of the largest value of each output.
 */
export async function expectRunsAs(graph: Graph, options: OnnxOptions = {}): Promise<void> {
  const file = exportOnnx(graph, { taps: true, ...options });
  for (const batch of [1, 2, 3]) {
    const images = imagesOf(graph.input.shape, batch);
    const [theirs, ours] = [await runFile(file, images), runReference(graph, images)];
    expect(Object.keys(theirs).sort()).toEqual(Object.keys(ours).sort());
    for (const [name, { data, dims }] of Object.entries(ours)) {
      expect([name, theirs[name]?.dims]).toEqual([name, dims]);
      expectClose(theirs[name]?.data as Float32Array, data, 1e-4);
    }
  }
}

/** What 16 images show. */
export async function calibrationOf(of: Graph): Promise<Calibration> {
  const { data, shape } = imagesOf(of.input.shape, 16);
  const images = tf.tensor4d(data, shape);
  const calibration = await calibrate(of, [images], { method: 'minMax' });
  images.dispose();
  return calibration;
}
