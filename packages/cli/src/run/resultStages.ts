import path from 'node:path';
import { expectedError } from '@kd/core';
import { formatPercent } from '@kd/core/internal';
import { decodeSafetensors, encodeSafetensors } from '@kd/files';
import { writeFileAtomic } from '@kd/files/node';
import { profile } from '@kd/models';
import { type Predictions, type Role, renderReport, stageName } from '@kd/report';
import { readDataInspection } from '@kd/report/node';
import { evaluate } from '@kd/trainer';
import { evaluationLoader, type RunContext, type StageContext, stageStore } from './context.ts';
import type { TrainingJob } from './jobs.ts';
import { loadTrained } from './networks.ts';

const logitsFile = 'test-logits.safetensors';

/**
 * Evaluates a network on the test set, once, and counts its parameters and operations. Its logits
 * are kept for the report.
 */
export async function testStage(
  context: StageContext,
  role: Role,
  job: TrainingJob,
): Promise<void> {
  const { writer, log, images } = context;
  const { name, seed } = job;
  if (writer.record.results[name] === undefined) {
    const network = await loadTrained(context, job);
    try {
      const { indices, classNames, imageShape } = images.test;
      const data = new Float32Array(indices.length * classNames.length);
      let filled = 0;
      const onLogits = (logits: Float32Array) => {
        data.set(logits, filled);
        filled += logits.length;
      };
      const test = await evaluate(network, evaluationLoader(context, 'test'), { onLogits });
      const logits = { dtype: 'F32', shape: [indices.length, classNames.length], data } as const;
      await stageStore(context, name).write(logitsFile, encodeSafetensors({ logits }));
      const { parameters, bytes, flops } = profile(network, imageShape);
      const againstAlone =
        role === 'distilled' ? await compareWithAlone(context, seed, data) : undefined;
      await writer.addResult(name, {
        role,
        seed,
        parameters,
        bytes,
        flops,
        test,
        ...(againstAlone !== undefined && { againstAlone }),
      });
    } finally {
      network.dispose();
    }
  }
  log(`${name}: ${formatPercent(writer.record.results[name]?.test.top1 ?? 0, 2)}`);
}

/** Counts the test images that only one of the two students classifies correctly. */
async function compareWithAlone(
  { directory, images }: RunContext,
  seed: number,
  distilled: Float32Array,
): Promise<{ readonly gained: number; readonly lost: number }> {
  const alone = await readLogits(directory, 'baseline', seed);
  const { indices, labels, classNames } = images.test;
  const counts = { gained: 0, lost: 0 };
  indices.forEach((row, at) => {
    const isRight = (logits: Float32Array) =>
      mostProbable(logits, at * classNames.length, classNames.length) === labels[row];
    const [ours, theirs] = [isRight(distilled), isRight(alone)];
    if (ours && !theirs) counts.gained++;
    if (theirs && !ours) counts.lost++;
  });
  return counts;
}

function mostProbable(logits: Float32Array, from: number, classes: number): number {
  let best = 0;
  for (let name = 1; name < classes; name++)
    if ((logits[from + name] as number) > (logits[from + best] as number)) best = name;
  return best;
}

/**
 * Writes `report.html` beside `run.json`, with the logits of the first seed.
 * @returns Its path.
 */
export async function reportStage(context: RunContext): Promise<string> {
  const { directory, writer, images } = context;
  const { record } = writer;
  const [seed] = record.config.seeds as readonly [number];
  const { test } = images;
  const predictions: Predictions = {
    image: (index) => test.images.read(test.indices[index] as number).slice(),
    labels: Array.from(test.indices, (row) => test.labels[row] as number),
    logits: {
      teacher: await readLogits(directory, 'teacher', seed),
      baseline: await readLogits(directory, 'baseline', seed),
      distilled: await readLogits(directory, 'distilled', seed),
    },
  };
  const page = await renderReport(record, predictions, await readDataInspection(directory));
  const file = path.join(directory, 'report.html');
  await writeFileAtomic(file, page);
  return file;
}

/** Reads a tested network's logits: [images × classes], in the order of the test set's rows. */
async function readLogits(directory: string, role: Role, seed: number): Promise<Float32Array> {
  const store = stageStore({ directory }, stageName(role, seed));
  const caller = `${logitsFile} in ${store.location}`;
  const bytes = await store.read(logitsFile);
  if (bytes === undefined)
    throw expectedError('report', caller, 'no such file', 'the run was altered; start a new one');
  const data = decodeSafetensors(bytes, caller).tensors.logits?.data;
  if (!(data instanceof Float32Array))
    throw expectedError(caller, 'logits in F32', 'something else');
  return data;
}
