/**
 * Prepares one step of ours and runs it as often as each request says: `node … serve.ts OPTIONS`,
 * OPTIONS as JSON (`StepOptions`). Ends with stdin. torch/serve.py is the same for PyTorch.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { startEngine } from '@kd/engine';
import { version_wasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import type { Ready, RunRequest, StepOptions, Turn } from '../protocol.ts';
import { prepareWorkload } from './workloads.ts';

const WARM_UP = 3;

const options = JSON.parse(process.argv[2] as string) as StepOptions;
const [startMs, engine] = await timed(() =>
  process.env.KD_ENGINE === 'upstream' ? startUpstreamWasm() : startEngine({ log: () => {} }),
);
const loadedBytes = resetPeakMemory();
const started = performance.now();
const { run, flops } = await prepareWorkload(options);
const [firstMs] = await timed(run);
for (let step = 1; step < WARM_UP; step++) await run();
const warmUpSeconds = (performance.now() - started) / 1000;
print({
  versions: { [engine.name]: engine.version, Node: process.versions.node },
  threads: engine.threads,
  device: engine.device,
  facts: { firstMs, warmUpSeconds, loadedBytes, startMs, ...(flops !== undefined && { flops }) },
});
for await (const line of createInterface({ input: process.stdin }))
  print(await runTurn((JSON.parse(line) as RunRequest).repeat));

async function runTurn(repeat: number): Promise<Turn> {
  const ms: number[] = [];
  let finite = true;
  let value = Number.NaN;
  for (let step = 0; step < repeat; step++) {
    const [duration, result] = await timed(run);
    ms.push(duration);
    value = result;
    finite &&= Number.isFinite(result);
  }
  return {
    ms,
    finite,
    value,
    memory: readMemory(),
    tensors: { alive: tf.memory().numTensors, handles: countHandles() },
  };
}

async function timed<Result>(run: () => Promise<Result>): Promise<[number, Result]> {
  const started = performance.now();
  const result = await run();
  return [performance.now() - started, result];
}

/** Starts TensorFlow.js's own wasm backend as it is in Node, with nothing of ours. */
async function startUpstreamWasm() {
  await tf.setBackend('wasm');
  return { name: 'upstream wasm', version: version_wasm, device: 'CPU', threads: 1 };
}

/**
 * Number of tensors that libtensorflow holds for us; on an engine that does not count them, that of
 * TensorFlow.js.
 */
function countHandles(): number {
  const { binding } = tf.backend() as { binding?: { getNumOfTensors?: () => number } };
  return binding?.getNumOfTensors?.() ?? tf.memory().numTensors;
}

/**
 * Resident bytes of this process, now and at most since `resetPeakMemory`. Without /proc, the peak
 * is the present value.
 */
function readMemory(): Turn['memory'] {
  if (process.platform !== 'linux')
    return { nowBytes: process.memoryUsage.rss(), peakBytes: process.memoryUsage.rss() };
  const text = readFileSync('/proc/self/status', 'utf8');
  const bytes = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { nowBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') };
}

/** Starts a new peak: that of loading does not count. @returns The resident bytes now. */
function resetPeakMemory(): number {
  if (process.platform === 'linux') writeFileSync('/proc/self/clear_refs', '5');
  return readMemory().nowBytes;
}

function print(message: Ready | Turn): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
