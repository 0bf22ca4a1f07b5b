/**
 * Prepares one step of ours and runs it as often as it is told: `node … serve.ts OPTIONS`, OPTIONS
 * as JSON (`StepOptions`).
 * Ends with stdin. torch/serve.py is the same for PyTorch.
 */
import { createInterface } from 'node:readline';
import { startEngine } from '@kd/engine';
import * as tf from '@tensorflow/tfjs-core';
import { forgetPeak, processMemory } from '../processMemory.ts';
import type { Ready, Request, StepOptions, Turn } from '../protocol.ts';
import { prepare } from './prepare.ts';
import { startUpstreamWasm } from './startUpstreamWasm.ts';

const WARM_UP = 3;

const options = JSON.parse(process.argv[2] as string) as StepOptions;
const [startMs, engine] = await timed(() =>
  process.env.KD_ENGINE === 'upstream' ? startUpstreamWasm() : startEngine({ log: () => {} }),
);
const loadedBytes = forgetPeak();
const started = performance.now();
const { run, flops } = await prepare(options);
const [firstMs] = await timed(run);
for (let step = 1; step < WARM_UP; step++) await run();
const warmUpSeconds = (performance.now() - started) / 1000;
say({
  versions: { [engine.name]: engine.version, Node: process.versions.node },
  threads: engine.threads,
  device: engine.device,
  facts: { firstMs, warmUpSeconds, loadedBytes, startMs, ...(flops !== undefined && { flops }) },
});
for await (const line of createInterface({ input: process.stdin }))
  say(await turn((JSON.parse(line) as Request).repeat));

async function turn(repeat: number): Promise<Turn> {
  const ms: number[] = [];
  let finite = true;
  let value = Number.NaN;
  for (let step = 0; step < repeat; step++) {
    const [took, result] = await timed(run);
    ms.push(took);
    value = result;
    finite &&= Number.isFinite(result);
  }
  return {
    ms,
    finite,
    value,
    memory: processMemory(),
    tensors: { alive: tf.memory().numTensors, handles: handles() },
  };
}

async function timed<Result>(run: () => Promise<Result>): Promise<[number, Result]> {
  const started = performance.now();
  const result = await run();
  return [performance.now() - started, result];
}

/**
 * Tensors that libtensorflow holds for us; those of TensorFlow.js on an engine that does not tell.
 */
function handles(): number {
  const { binding } = tf.backend() as { binding?: { getNumOfTensors?: () => number } };
  return binding?.getNumOfTensors?.() ?? tf.memory().numTensors;
}

function say(message: Ready | Turn): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
