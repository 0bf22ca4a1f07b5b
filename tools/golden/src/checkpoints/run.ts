import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Network, sha256 } from '@kd/core';
import { loadWeights, openWeights, saveWeights, type Weights } from '@kd/models';
import { openWeights as openFile } from '@kd/models/node';
import type { JsonObject } from '../format/file.ts';
import { objectOf, textOf } from '../format/values.ts';
import { networkFor } from './architecture.ts';
import type { Fixtures } from './expected.ts';
import { outputDifferences } from './outputs.ts';
import {
  fileDifferences,
  modelTensorDifferences,
  oddTensorDifferences,
  tensorsOf,
} from './tensors.ts';

/** The result of one file. */
export interface Outcome {
  readonly file: string;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** One line for each difference, or a remark. */
  readonly notes: readonly string[];
}

/**
 * Reads every listed file, loads it into its network, runs it and writes it again, on the current
 * engine.
 */
export async function* runFixtures(fixtures: Fixtures): AsyncGenerator<Outcome> {
  for (const file of Object.keys(fixtures.files)) {
    try {
      yield await runFile(fixtures, file);
    } catch (error) {
      yield {
        file,
        result: 'failed',
        notes: [error instanceof Error ? error.message : String(error)],
      };
    }
  }
  for (const file of fixtures.unlisted)
    yield { file, result: 'skipped', notes: ['expected.json does not list it'] };
}

async function runFile(
  { directory, files, models, input, oddTensors }: Fixtures,
  file: string,
): Promise<Outcome> {
  const listed = objectOf(files, file);
  const inFile = await contentDifferences(readFileSync(path.join(directory, file)), listed);
  const weights = await openFile(path.join(directory, file));
  if (listed.model === undefined)
    return outcome(
      file,
      [...inFile, ...oddTensorDifferences(weights, oddTensors)],
      'tensors as listed',
    );
  const model = textOf(listed, 'model');
  const network = networkFor(weights);
  if (network === undefined)
    return {
      file,
      result: 'skipped',
      notes: [`no network of ours has tensors like those of ${model}`],
    };
  try {
    const tensors = tensorsOf(models, model);
    const inTensors = tensors === undefined ? [] : modelTensorDifferences(weights, tensors);
    const { keyMap } = loadWeights(network, weights);
    const outputs = await outputDifferences(
      network,
      input,
      objectOf(objectOf(models, model), 'expected'),
    );
    const written = await writtenDifferences(network, weights, keyMap);
    return outcome(
      file,
      [...inFile, ...inTensors, ...outputs.why, ...written],
      `${network.name}, ${outputs.note}`,
    );
  } finally {
    network.dispose();
  }
}

function outcome(file: string, why: readonly string[], note: string): Outcome {
  return why.length === 0
    ? { file, result: 'passed', notes: [note] }
    : { file, result: 'failed', notes: why };
}

async function contentDifferences(content: Uint8Array, listed: JsonObject): Promise<string[]> {
  const sum = await sha256(new Uint8Array(content));
  return [
    ...(listed.bytes === undefined || listed.bytes === content.length
      ? []
      : [`expected ${listed.bytes} bytes, got ${content.length}`]),
    ...(listed.sha256 === undefined || listed.sha256 === sum
      ? []
      : [`expected sha256 ${listed.sha256}, got ${sum}`]),
  ];
}

/** Checks that our file for PyTorch, with the names of the loaded file, has the same contents. */
async function writtenDifferences(
  network: Network,
  weights: Weights,
  keyMapName: string,
): Promise<string[]> {
  const keyMap = network.keyMaps?.[keyMapName];
  return fileDifferences(
    openWeights(await saveWeights(network, keyMap && { keyMap }), { fileName: 'our file' }),
    weights,
  );
}
