import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { isSafeRelativePath } from '@kd/files';
import { hashBytes } from '@kd/files/node';
import { type io, util } from '@tensorflow/tfjs-core';
import { readBounded } from './readBounded.ts';

/** A model as its files have it. */
export interface TfjsFiles {
  readonly format: 'graph-model' | 'layers-model';
  readonly artifacts: io.ModelArtifacts;
  /** sha256 of `model.json` and of its weights, in their order. */
  readonly sha256: string;
}

interface ModelJson {
  readonly format?: unknown;
  readonly modelTopology?: unknown;
  readonly weightsManifest?: unknown;
  readonly [more: string]: unknown;
}

/**
 * Reads `model.json` and the files of weights beside it. @param folder Or the file itself. @throws
 * RangeError that names the file and the field.
 */
export async function readTfjsFiles(folder: string): Promise<TfjsFiles> {
  const file = folder.endsWith('.json') ? folder : path.join(folder, 'model.json');
  const where = path.basename(file);
  const text = await readBounded(file, where);
  const { format, modelTopology, weightsManifest, ...rest } = parsed(text, where);
  ensure(
    format === 'graph-model' || format === 'layers-model',
    where,
    'format graph-model or layers-model',
    format,
  );
  ensure(
    typeof modelTopology === 'object' && modelTopology !== null,
    where,
    'modelTopology',
    typeof modelTopology,
  );
  ensure(
    Array.isArray(weightsManifest),
    where,
    'weightsManifest to be a list',
    typeof weightsManifest,
  );
  const [pieces, weightSpecs]: [Uint8Array[], io.WeightsManifestEntry[]] = [[], []];
  for (const group of weightsManifest as { paths?: unknown; weights?: unknown }[]) {
    ensure(
      Array.isArray(group?.paths) && Array.isArray(group.weights),
      where,
      'paths and weights in the weightsManifest',
      group,
    );
    const files = await Promise.all(
      group.paths.map((name: unknown) => readBounded(beside(file, name, where), String(name))),
    );
    const wanted = (group.weights as io.WeightsManifestEntry[]).reduce(
      (sum, entry) => sum + bytesOf(entry, where),
      0,
    );
    const got = files.reduce((sum, bytes) => sum + bytes.length, 0);
    ensure(
      got === wanted,
      where,
      `${wanted} bytes in ${group.paths.join(', ')}`,
      got,
      'a file is cut short, or of another model',
    );
    pieces.push(...files);
    weightSpecs.push(...(group.weights as io.WeightsManifestEntry[]));
  }
  const weightData = Uint8Array.from(Buffer.concat(pieces)).buffer;
  const artifacts = {
    ...rest,
    format,
    modelTopology,
    weightSpecs,
    weightData,
  } as io.ModelArtifacts;
  return { format, artifacts, sha256: hashBytes([text, ...pieces], 'sha256') };
}

function parsed(text: Uint8Array, caller: string): ModelJson {
  try {
    return JSON.parse(new TextDecoder().decode(text)) as ModelJson;
  } catch (cause) {
    throw Object.assign(
      expectedError(caller, 'a model of TF.js in JSON', (cause as Error).message),
      { cause },
    );
  }
}

function beside(file: string, name: unknown, caller: string): string {
  ensure(
    typeof name === 'string' && isSafeRelativePath(name),
    caller,
    'weight files beside it',
    JSON.stringify(name),
  );
  return path.join(path.dirname(file), ...name.split('/'));
}

function bytesOf(
  { name, dtype, shape, quantization }: io.WeightsManifestEntry,
  caller: string,
): number {
  const kept = quantization?.dtype ?? dtype;
  const isKnown = ['float32', 'float16', 'int32', 'uint16', 'uint8', 'bool', 'complex64'].includes(
    kept,
  );
  ensure(isKnown, caller, `numbers for ${name}`, kept);
  ensure(
    Array.isArray(shape) && shape.every((side) => Number.isSafeInteger(side) && side >= 0),
    caller,
    `a shape of ${name}`,
    shape,
  );
  const width =
    kept === 'uint16' || kept === 'float16'
      ? 2
      : kept === 'uint8'
        ? 1
        : util.bytesPerElement(kept as 'float32');
  return shape.reduce((product, side) => product * side, width);
}
