import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Network } from '@kd/core';
import { startEngine } from '@kd/engine';
import { calibrate, exportOnnx } from '@kd/export';
import { cifarResnet, mobileNetV2, studentCnn } from '@kd/models';
import { networkGraph } from '@kd/models/graph';
import * as tf from '@tensorflow/tfjs-core';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { runToLastMessage } from './benchProcess.ts';
import { median, pairedRatio, repeatsFor } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { passFail } from './targets.ts';
import { torchCommand } from './variants.ts';

/** Share of the throughput of PyTorch's file that ours should have. */
const GOAL = 0.95;

const batches = [1, 32] as const;

/** The networks of torch/exportOnnx.py. */
const networks: Readonly<Record<string, { side: number; create: () => Network }>> = {
  studentCnn: { side: 32, create: () => studentCnn({ classes: 10, seed: 0 }) },
  resnet20: {
    side: 32,
    create: () => cifarResnet({ depth: 20, classes: 10, seed: 0, shortcut: 'projection' }),
  },
  mobileNetV2: {
    side: 224,
    create: () => mobileNetV2({ classes: 1000, seed: 0, stem: 'imagenet' }),
  },
};

/**
 * Measures ONNX files of ours, float32 and in 8 bits, beside those that torch.onnx.export writes of
 * the same networks, in ONNX Runtime on one thread of one process, in turn; and their sizes. The
 * quotients are over our float32 file.
 */
export async function exportedFiles(options: BenchOptions): Promise<Section> {
  const title = 'ONNX files in onnxruntime-node, one thread: of ours, and of torch.onnx.export';
  const section = { name: 'export', title };
  if (options.python === undefined)
    return { ...section, rows: [], versions: {}, remarks: ['Skipped: KD_TORCH_PYTHON is unset.'] };
  const directory = await mkdtemp(join(tmpdir(), 'kd-export-'));
  try {
    const command = torchCommand(options.python, 'exportOnnx.py', { directory });
    const { versions } = await runToLastMessage<{ versions: Record<string, string> }>(
      'exportOnnx.py',
      command,
      options.log,
    );
    await startEngine({ engine: 'wasm', log: () => {} });
    const parts = [];
    for (const name of Object.keys(networks)) {
      options.log(`export: ${name}`);
      parts.push(await compareFiles(name, join(directory, `${name}.onnx`), options));
    }
    return {
      ...section,
      rows: parts.flatMap(({ rows }) => rows),
      remarks: parts.flatMap(({ remarks }) => remarks),
      versions: { ...versions, 'ONNX Runtime': env.versions.node ?? 'unknown' },
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function compareFiles(
  name: string,
  path: string,
  options: BenchOptions,
): Promise<{ rows: Row[]; remarks: string[] }> {
  const { side, create } = networks[name] as (typeof networks)[string];
  const files = [...(await writeFiles(create(), side)), await theirFile(path)];
  const [ours, theirs] = [files[0] as File, files.at(-1) as File];
  const rows: Row[] = [];
  const sizes = files.map(({ variant, bytes }) => `${variant} ${bytes.length}`).join(', ');
  const fits = ours.bytes.length <= theirs.bytes.length;
  const remarks = [
    `${name}, bytes: ${sizes}; goal: ours no larger than PyTorch's, ${passFail(fits)}.`,
  ];
  for (const batch of batches) {
    const runs = await Promise.all(files.map((file) => openRun(file, batch, side)));
    const turns = await runInTurn(runs, options);
    const mine = turns[0] as number[];
    files.forEach(({ variant }, at) => {
      const own = turns[at] as number[];
      const { median: ratio, min, max } = pairedRatio(own, mine);
      const ms = median(own);
      rows.push({
        step: 'export',
        variant: `${name}, batch ${batch}: ${variant}`,
        ms,
        imagesPerSecond: (1000 * batch) / ms,
        ...(at === 0 ? { ratio: null } : { ratio, spread: [min, max] }),
      });
    });
    const { median: ratio } = pairedRatio(turns.at(-1) as number[], mine);
    const result = `${ratio.toFixed(2)}, ${passFail(ratio >= GOAL)}`;
    remarks.push(`${name}, batch ${batch}: goal ≥ ${GOAL} of PyTorch's throughput, ${result}.`);
  }
  return { rows, remarks };
}

interface File {
  readonly variant: string;
  readonly bytes: Uint8Array;
  readonly layout: 'nhwc' | 'nchw';
}

/** Exports a network as float32 and in 8 bits, and frees it. */
async function writeFiles(network: Network, side: number): Promise<File[]> {
  const graph = networkGraph(network, { imageShape: [side, side, 3], preparation: 'outside' });
  network.dispose();
  const images = tf.randomUniform<tf.Rank.R4>([2, side, side, 3], 0, 1, 'float32', 0);
  const calibration = await calibrate(graph, [images], { method: 'minMax' });
  images.dispose();
  const layout = 'nhwc';
  return [
    { variant: 'ours', bytes: exportOnnx(graph), layout },
    { variant: 'ours, int8 weights', bytes: exportOnnx(graph, { weights: 'int8' }), layout },
    { variant: 'ours, static int8', bytes: exportOnnx(graph, { calibration }), layout },
  ];
}

async function theirFile(path: string): Promise<File> {
  return { variant: "PyTorch's", bytes: new Uint8Array(await readFile(path)), layout: 'nchw' };
}

/** Opens a file. @returns A function that runs it once on the same images. */
async function openRun(
  { bytes, layout }: File,
  batch: number,
  side: number,
): Promise<() => Promise<void>> {
  const session = await InferenceSession.create(bytes, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const [input] = session.inputNames as [string];
  const shape = layout === 'nhwc' ? [batch, side, side, 3] : [batch, 3, side, side];
  const data = Float32Array.from({ length: batch * side * side * 3 }, (_, at) => (at % 255) / 255);
  const images = { [input]: new Tensor('float32', data, shape) };
  return async () => {
    await session.run(images);
  };
}

/** @returns The median of each turn of each run, in ms. */
async function runInTurn(
  runs: readonly (() => Promise<void>)[],
  { rounds, seconds }: BenchOptions,
): Promise<number[][]> {
  const repeats: number[] = [];
  for (const run of runs) {
    await timeRuns(run, 3);
    repeats.push(repeatsFor(seconds, median(await timeRuns(run, 5))));
  }
  const turns: number[][] = runs.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [at, run] of runs.entries())
      turns[at]?.push(median(await timeRuns(run, repeats[at] as number)));
  return turns;
}

async function timeRuns(run: () => Promise<void>, count: number): Promise<number[]> {
  const durations: number[] = [];
  for (let at = 0; at < count; at++) {
    const start = performance.now();
    await run();
    durations.push(performance.now() - start);
  }
  return durations;
}
