import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Network } from '@kd/core';
import { startEngine } from '@kd/engine';
import { openRuntimes } from '@kd/export/node';
import { findChromium } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { median } from './rounds.ts';
import { type BenchServer, pages, runPage, serveModels } from './runtimes/browser.ts';
import { type ModelFiles, writeModels } from './runtimes/models.ts';
import type { BenchOptions, Row, Section } from './section.ts';

/** Time between requests of a service of 50 a second. */
const REQUEST_MS = 20;

/** A file in a runtime, or a network in our engine. */
interface Runner {
  readonly name: string;
  readonly modelBytes?: number;
  readonly loadMs: number;
  /** Whether it computes in this process, so that its processor time can be told. */
  readonly isHere: boolean;
  run(images: Float32Array, batch: number): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Measures where a student can run: default student, ResNet-20 and MobileNetV2 in every runtime that
 * is here, on one thread, ours on all: answer for one image, throughput of batches of 32, processor
 * time of a request at 50 requests a second, and in Chromium the first answer with an empty cache.
 */
export async function runtimes(options: BenchOptions): Promise<Section> {
  const directory = await mkdtemp(path.join(tmpdir(), 'kd-runtimes-'));
  const remarks = [
    'First step: in Chromium from an empty cache to the first answer, runtime and model loaded from loopback; elsewhere the time to load the file.',
    'kB to load: in Chromium the runtime and the model, not compressed; elsewhere the model.',
  ];
  const versions: Record<string, string> = {};
  const rows: Row[] = [];
  try {
    const engine = await startEngine({ log: () => {} });
    versions[engine.name] = engine.version;
    const models = await writeModels(directory);
    for (const model of models) {
      options.log(`runtimes: ${model.network}`);
      rows.push(await measure(model, openEngineRunner(model, engine.name), options));
      for (const file of model.files) {
        const opened = await openRuntimes(file.format);
        for (const { name, reason } of opened.missing) remarks.push(`Without ${name}: ${reason}`);
        for (const runtime of opened.runtimes) {
          if (runtime.name === 'TensorFlow.js') continue;
          versions[runtime.name] = runtime.version;
          const { side, classes } = model;
          const shape = [side, side, 3] as const;
          const inModel = { imageShape: shape, layout: 'nhwc', classes } as const;
          const loaded = await runtime.load(file.path, inModel);
          const runner: Runner = {
            name: `${runtime.name}${runtime.name === 'onnxruntime-web' ? ', Node' : ''}, ${file.numbers}`,
            modelBytes: file.bytes,
            loadMs: loaded.loadMilliseconds,
            isHere: !runtime.name.includes('Python'),
            run: (images, batch) => loaded.run(images, batch),
            close: () => loaded.close(),
          };
          rows.push(await measure(model, runner, options));
        }
      }
    }
    rows.push(...(await measurePages(directory, models, options, remarks, versions)));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  const title =
    'Where a student runs: one image at a time, batches of 32, and 50 requests a second; one thread, our engine on all';
  const order = (row: Row) =>
    rows.findIndex(({ variant }) => variant.split(':')[0] === row.variant.split(':')[0]);
  return {
    name: 'runtimes',
    title,
    rows: [...rows].sort((a, b) => order(a) - order(b)),
    remarks: [...new Set(remarks)],
    versions,
  };
}

function openEngineRunner(
  { model, side }: ModelFiles & { readonly model: Network },
  engine: string,
): Runner {
  const inference = model.inference?.();
  return {
    name: `our engine, ${engine}`,
    loadMs: Number.NaN,
    isHere: true,
    async run(images, batch) {
      const answer = tf.tidy(() => {
        const input = tf.tensor4d(images, [batch, side, side, 3]);
        return (inference?.forward(input) ?? model.forward(input, { training: false })).logits;
      });
      await answer.data();
      answer.dispose();
    },
    close: async () => model.dispose(),
  };
}

async function measure(
  { network, side }: ModelFiles,
  runner: Runner,
  { seconds }: BenchOptions,
): Promise<Row> {
  const size = 3 * side * side;
  const time = async (batch: number): Promise<number> => {
    const images = new Float32Array(batch * size).fill(0.5);
    await runner.run(images, batch);
    const times: number[] = [];
    for (
      const end = performance.now() + 1000 * seconds;
      performance.now() < end || times.length < 3;
    ) {
      const started = performance.now();
      await runner.run(images, batch);
      times.push(performance.now() - started);
    }
    return median(times);
  };
  try {
    const one = await time(1);
    const many = await time(32);
    const cpuMs = runner.isHere
      ? await spacedCpu(() => runner.run(new Float32Array(size), 1))
      : undefined;
    return {
      step: 'runtimes',
      variant: `${network}: ${runner.name}`,
      ms: one,
      imagesPerSecond: 32_000 / many,
      ratio: null,
      ...(runner.modelBytes !== undefined && { loadedBytes: runner.modelBytes }),
      ...(Number.isFinite(runner.loadMs) && { firstMs: runner.loadMs }),
      ...(cpuMs !== undefined && { cpuMs }),
    };
  } finally {
    await runner.close();
  }
}

/** Processor time of one request of 50 a second, in ms. */
async function spacedCpu(run: () => Promise<unknown>): Promise<number> {
  const requests = 50;
  const before = process.cpuUsage();
  for (let at = 0; at < requests; at++) {
    const started = performance.now();
    await run();
    await sleep(Math.max(0, REQUEST_MS - (performance.now() - started)));
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / requests;
}

async function measurePages(
  directory: string,
  models: readonly ModelFiles[],
  { seconds, log }: BenchOptions,
  remarks: string[],
  versions: Record<string, string>,
): Promise<Row[]> {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    remarks.push('Without Chromium: none is installed.');
    return [];
  }
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  versions.Chromium = browser.version();
  const server: BenchServer = await serveModels(directory);
  const rows: Row[] = [];
  try {
    for (const [name, page] of Object.entries(pages))
      for (const model of models)
        for (const file of model.files.filter(({ format }) => format === page.format)) {
          log(`runtimes: ${name}, ${model.network}`);
          const { firstMs, ms, bytes } = await runPage(browser, server, page, model, file, seconds);
          rows.push({
            step: 'runtimes',
            variant: `${model.network}: ${name}, ${file.numbers}`,
            ms,
            imagesPerSecond: null,
            ratio: null,
            firstMs,
            loadedBytes: bytes,
          });
        }
  } finally {
    await server.close();
    await browser.close();
  }
  return rows;
}
