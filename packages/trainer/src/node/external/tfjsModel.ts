import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { importOptional } from '@kd/core/node';
import { isSafeRelativePath } from '@kd/files';
import { hashBytes } from '@kd/files/node';
import { io, type Tensor, type Tensor4D, tidy, util } from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { readBounded } from './externalTeacher.ts';

/** A model of either format, ready to run. */
export interface TfjsModel {
  /**
   * Declared shape [batch, height, width, channels], null for a side of any size; undefined if
   * there is none.
   */
  readonly inputShape: readonly (number | null)[] | undefined;
  /** Names of the declared outputs. */
  readonly outputs: readonly string[];
  /**
   * @param names Outputs, inner nodes (graph models) or layers (layers models). @returns A function
   * that computes their values in this order; the caller owns them.
   * @throws RangeError if the model does not have one of them.
   */
  select(names: readonly string[]): (images: Tensor4D) => Promise<Tensor[]>;
  dispose(): void;
}

/**
 * Loads a model. @throws RangeError if the package for its format is not installed, or the model
 * takes anything but one image input.
 */
export async function openTfjsModel(
  { format, artifacts }: TfjsFiles,
  caller: string,
): Promise<TfjsModel> {
  return format === 'graph-model'
    ? openGraphModel(artifacts, caller)
    : openLayersModel(artifacts, caller);
}

async function openGraphModel(artifacts: io.ModelArtifacts, caller: string): Promise<TfjsModel> {
  const { loadGraphModel } = await importOptional(
    'tfjsTeacher',
    '@tensorflow/tfjs-converter',
    () => import('@tensorflow/tfjs-converter'),
  );
  const model = await load(caller, async () => loadGraphModel(io.fromMemory(artifacts)));
  const [input, ...others] = model.inputs;
  ensure(
    input !== undefined && others.length === 0,
    caller,
    'a model of one input',
    model.inputs.map(({ name }) => name),
  );
  const shape = input.shape?.map((side) => (side === -1 ? null : side));
  const known = new Set([...listNodes(artifacts), ...model.outputs.map((output) => output.name)]);
  return {
    inputShape: shape,
    outputs: model.outputs.map((output) => output.name),
    select(names) {
      const unknown = names.find((name) => !known.has(name.split(':')[0] as string));
      ensure(
        unknown === undefined,
        caller,
        'names among the nodes of the graph',
        unknown,
        `such as ${[...known].slice(-5).join(', ')}`,
      );
      const state = { isDynamic: false };
      return async (images) => {
        const inputs = { [input.name]: images };
        try {
          if (!state.isDynamic) return [model.execute(inputs, [...names])].flat();
        } catch (error) {
          // Control flow runs asynchronously only, and graphs without it log a warning about that.
          if (!(error as Error).message.includes('executeAsync')) throw error;
          state.isDynamic = true;
        }
        return [await model.executeAsync(inputs, [...names])].flat();
      };
    },
    dispose: () => model.dispose(),
  };
}

function listNodes({ modelTopology }: io.ModelArtifacts): string[] {
  const { node = [] } = modelTopology as { node?: { name?: unknown }[] };
  return node.map(({ name }) => String(name));
}

async function openLayersModel(artifacts: io.ModelArtifacts, caller: string): Promise<TfjsModel> {
  const { loadLayersModel, model: createModel } = await importOptional(
    'tfjsTeacher',
    '@tensorflow/tfjs-layers',
    () => import('@tensorflow/tfjs-layers'),
  );
  const model = await load(caller, async () => loadLayersModel(io.fromMemory(artifacts)));
  const [input, ...others] = model.inputs as SymbolicTensor[];
  ensure(
    input !== undefined && others.length === 0,
    caller,
    'a model of one input',
    model.inputNames,
  );
  const findOutput = (name: string): SymbolicTensor => {
    const layer = model.layers.find((candidate) => candidate.name === name);
    if (layer === undefined || Array.isArray(layer.output)) {
      throw expectedError(
        caller,
        `names among the layers ${model.layers.map((known) => known.name).join(', ')}`,
        name,
      );
    }
    return layer.output;
  };
  return {
    inputShape: input.shape,
    outputs: model.outputNames,
    select(names) {
      const selected = createModel({ inputs: input, outputs: names.map(findOutput) });
      return async (images) =>
        tidy(() => [selected.apply(images, { training: false }) as Tensor | Tensor[]].flat());
    },
    dispose: () => void model.dispose(),
  };
}

async function load<Model>(caller: string, run: () => Promise<Model>): Promise<Model> {
  try {
    return await run();
  } catch (cause) {
    throw Object.assign(
      expectedError(caller, 'a model that TF.js can load', (cause as Error).message),
      { cause },
    );
  }
}

/** The files of a TensorFlow.js model. */
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
 * Reads `model.json` and the files of weights beside it. @param location The directory, or the path
 * of `model.json`. @throws RangeError that names the file and the field.
 */
export async function readTfjsFiles(location: string): Promise<TfjsFiles> {
  const file = location.endsWith('.json') ? location : path.join(location, 'model.json');
  const caller = path.basename(file);
  const text = await readBounded(file, caller);
  const { format, modelTopology, weightsManifest, ...rest } = parseModelJson(text, caller);
  ensure(
    format === 'graph-model' || format === 'layers-model',
    caller,
    'format graph-model or layers-model',
    format,
  );
  ensure(
    typeof modelTopology === 'object' && modelTopology !== null,
    caller,
    'modelTopology',
    typeof modelTopology,
  );
  ensure(
    Array.isArray(weightsManifest),
    caller,
    'weightsManifest to be a list',
    typeof weightsManifest,
  );
  const [parts, weightSpecs]: [Uint8Array[], io.WeightsManifestEntry[]] = [[], []];
  for (const group of weightsManifest as { paths?: unknown; weights?: unknown }[]) {
    ensure(
      Array.isArray(group?.paths) && Array.isArray(group.weights),
      caller,
      'paths and weights in the weightsManifest',
      group,
    );
    const files = await Promise.all(
      group.paths.map((name: unknown) => readBounded(weightFile(file, name, caller), String(name))),
    );
    const expected = (group.weights as io.WeightsManifestEntry[]).reduce(
      (sum, entry) => sum + countBytes(entry, caller),
      0,
    );
    const got = files.reduce((sum, bytes) => sum + bytes.length, 0);
    ensure(
      got === expected,
      caller,
      `${expected} bytes in ${group.paths.join(', ')}`,
      got,
      'a file is cut short, or of another model',
    );
    parts.push(...files);
    weightSpecs.push(...(group.weights as io.WeightsManifestEntry[]));
  }
  const weightData = Uint8Array.from(Buffer.concat(parts)).buffer;
  const artifacts = {
    ...rest,
    format,
    modelTopology,
    weightSpecs,
    weightData,
  } as io.ModelArtifacts;
  return { format, artifacts, sha256: hashBytes([text, ...parts], 'sha256') };
}

function parseModelJson(text: Uint8Array, caller: string): ModelJson {
  try {
    return JSON.parse(new TextDecoder().decode(text)) as ModelJson;
  } catch (cause) {
    throw Object.assign(
      expectedError(caller, 'a model of TF.js in JSON', (cause as Error).message),
      { cause },
    );
  }
}

function weightFile(file: string, name: unknown, caller: string): string {
  ensure(
    typeof name === 'string' && isSafeRelativePath(name),
    caller,
    'weight files beside it',
    JSON.stringify(name),
  );
  return path.join(path.dirname(file), ...name.split('/'));
}

function countBytes(
  { name, dtype, shape, quantization }: io.WeightsManifestEntry,
  caller: string,
): number {
  const stored = quantization?.dtype ?? dtype;
  const isKnown = ['float32', 'float16', 'int32', 'uint16', 'uint8', 'bool', 'complex64'].includes(
    stored,
  );
  ensure(isKnown, caller, `a known dtype for ${name}`, stored);
  ensure(
    Array.isArray(shape) && shape.every((side) => Number.isSafeInteger(side) && side >= 0),
    caller,
    `a shape of ${name}`,
    shape,
  );
  const width =
    stored === 'uint16' || stored === 'float16'
      ? 2
      : stored === 'uint8'
        ? 1
        : util.bytesPerElement(stored as 'float32');
  return shape.reduce((product, side) => product * side, width);
}
