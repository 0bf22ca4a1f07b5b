import { ensure, expectedError } from '@kd/core';
import { importOptional } from '@kd/core/node';
import { io, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { TfjsFiles } from './tfjsArtifacts.ts';

/** A model of either kind, ready to run. */
export interface TfjsModel {
  /**
   * [batch, height, width, channels] as declared, null where anything goes; undefined where nothing
   * is.
   */
  readonly inputShape: readonly (number | null)[] | undefined;
  /** Names of what it gives by itself. */
  readonly outputs: readonly string[];
  /**
   * @param names Outputs, inner nodes (graph models) or layers (layers models). @returns Gives
   * their values in this order; the caller owns them.
   * @throws RangeError where one of them is not there.
   */
  pick(names: readonly string[]): (images: Tensor4D) => Promise<Tensor[]>;
  dispose(): void;
}

/**
 * @throws RangeError where the package for this kind is not installed, or the model takes other
 * than one image input.
 */
export async function openTfjsModel(
  { format, artifacts }: TfjsFiles,
  caller: string,
): Promise<TfjsModel> {
  return format === 'graph-model' ? graphModel(artifacts, caller) : layersModel(artifacts, caller);
}

async function graphModel(artifacts: io.ModelArtifacts, caller: string): Promise<TfjsModel> {
  const { loadGraphModel } = await importOptional(
    'tfjsTeacher',
    '@tensorflow/tfjs-converter',
    () => import('@tensorflow/tfjs-converter'),
  );
  const model = await loaded(caller, async () => loadGraphModel(io.fromMemory(artifacts)));
  const [input, ...others] = model.inputs;
  ensure(
    input !== undefined && others.length === 0,
    caller,
    'a model of one input',
    model.inputs.map(({ name }) => name),
  );
  const shape = input.shape?.map((side) => (side === -1 ? null : side));
  const known = new Set([...nodesOf(artifacts), ...model.outputs.map((output) => output.name)]);
  return {
    inputShape: shape,
    outputs: model.outputs.map((output) => output.name),
    pick(names) {
      const strange = names.find((wanted) => !known.has(wanted.split(':')[0] as string));
      ensure(
        strange === undefined,
        caller,
        'names among the nodes of the graph',
        strange,
        `such as ${[...known].slice(-5).join(', ')}`,
      );
      const state = { isDynamic: false };
      return async (images) => {
        const inputs = { [input.name]: images };
        try {
          if (!state.isDynamic) return [model.execute(inputs, [...names])].flat();
        } catch (error) {
          // Control flow runs asynchronously only, and graphs without it are scolded for that.
          if (!(error as Error).message.includes('executeAsync')) throw error;
          state.isDynamic = true;
        }
        return [await model.executeAsync(inputs, [...names])].flat();
      };
    },
    dispose: () => model.dispose(),
  };
}

function nodesOf({ modelTopology }: io.ModelArtifacts): string[] {
  const { node = [] } = modelTopology as { node?: { name?: unknown }[] };
  return node.map(({ name }) => String(name));
}

async function layersModel(artifacts: io.ModelArtifacts, caller: string): Promise<TfjsModel> {
  const { loadLayersModel, model: modelOf } = await importOptional(
    'tfjsTeacher',
    '@tensorflow/tfjs-layers',
    () => import('@tensorflow/tfjs-layers'),
  );
  const model = await loaded(caller, async () => loadLayersModel(io.fromMemory(artifacts)));
  const [input, ...others] = model.inputs as SymbolicTensor[];
  ensure(
    input !== undefined && others.length === 0,
    caller,
    'a model of one input',
    model.inputNames,
  );
  const outputOf = (name: string): SymbolicTensor => {
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
    pick(names) {
      const picked = modelOf({ inputs: input, outputs: names.map(outputOf) });
      return async (images) =>
        tidy(() => [picked.apply(images, { training: false }) as Tensor | Tensor[]].flat());
    },
    dispose: () => void model.dispose(),
  };
}

async function loaded<Model>(caller: string, load: () => Promise<Model>): Promise<Model> {
  try {
    return await load();
  } catch (cause) {
    throw Object.assign(
      expectedError(caller, 'a model that TF.js can load', (cause as Error).message),
      { cause },
    );
  }
}
