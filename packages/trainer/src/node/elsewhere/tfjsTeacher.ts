import path from 'node:path';
import { type Batch, ensure, expectedError, type Outputs } from '@kd/core';
import {
  dispose,
  log,
  maximum,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import { expectKind, type OutputKind, SMALLEST } from '../../teachers/elsewhere/outputKind.ts';
import {
  asGiven,
  type ImagePreparation,
  type OwnedTeacher,
} from '../../teachers/elsewhere/ownedTeacher.ts';
import { readTfjsFiles } from './tfjsArtifacts.ts';
import { openTfjsModel } from './tfjsModel.ts';

export interface TfjsTeacherOptions {
  /**
   * What images, 0–1, go through first; nothing. `createPreprocessor` of @kd/models resizes and
   * normalizes.
   */
  readonly prepare?: ImagePreparation;
  /**
   * What says something of the classes, [batch, classes]: needed where the model has several
   * outputs. An inner node (graph models) or a layer will do: the one before the softmax.
   */
  readonly output?: string;
  /** What that holds; `logits`. Of probabilities the logarithm is taken. */
  readonly outputs?: OutputKind;
  /** Features by name: nodes of a graph model, layers of a layers model. */
  readonly taps?: Readonly<Record<string, string>>;
  /** The folder's name. */
  readonly name?: string;
}

/**
 * A model of TF.js as a teacher: a graph model (`@tensorflow/tfjs-converter`) or a layers model
 * (`@tensorflow/tfjs-layers`), run by the engine. It answers `predictAsync`
 * only, since graphs may. Whether its output is what `outputs` says is looked at once, in the first
 * batch.
 * @param folder With `model.json` and the files of weights, or the path of that file.
 * @throws RangeError that names the file and the field, or what of the model does not fit.
 */
export async function tfjsTeacher(
  folder: string,
  options: TfjsTeacherOptions = {},
): Promise<OwnedTeacher> {
  const where = path.basename(folder);
  const {
    prepare: preparation = asGiven,
    outputs: kind = 'logits',
    taps = {},
    name = where,
  } = options;
  const files = await readTfjsFiles(folder);
  const model = await openTfjsModel(files, where);
  const [only, ...others] = model.outputs;
  ensure(
    options.output !== undefined || others.length === 0,
    where,
    'one output',
    model.outputs,
    'say which has the classes: output',
  );
  const output = options.output ?? (only as string);
  const wanted = [output, ...Object.values(taps)];
  ensure(
    new Set(wanted).size === wanted.length,
    where,
    'an output and taps of different names',
    wanted,
  );
  const run = model.pick(wanted);
  const state = { looked: false };

  const predictAsync = async ({ images }: Batch): Promise<Outputs> => {
    const prepared = tidy(() => preparation.prepare(images).clone());
    try {
      const { inputShape: declared } = model;
      const fits =
        declared?.every(
          (side, axis) => axis === 0 || side === null || side === prepared.shape[axis],
        ) ?? true;
      ensure(
        fits,
        where,
        `images [${declared?.join(', ')}]`,
        `[${prepared.shape.join(', ')}] after preparation`,
        'see to prepare, which resizes',
      );
      const [said, ...features] = (await answered(where, prepared, run)) as [Tensor, ...Tensor[]];
      try {
        const fitting = said.rank === 2 && said.shape[0] === images.shape[0];
        ensure(fitting, where, `${output} of shape [${images.shape[0]}, classes]`, said.shape);
        if (!state.looked)
          expectKind(where, (await said.data()) as Float32Array, said.shape[1] as number, kind);
        state.looked = true;
      } catch (error) {
        dispose([said, ...features]);
        throw error;
      }
      const named = Object.keys(taps).map((tap, at) => [tap, features[at] as Tensor] as const);
      return {
        logits: kind === 'logits' ? (said as Tensor2D) : logarithmsOf(said as Tensor2D),
        features: Object.fromEntries(named),
      };
    } finally {
      prepared.dispose();
    }
  };
  const atOnce = (): Outputs => {
    throw expectedError(
      where,
      'to be evaluated by predictAsync',
      'a call',
      'await teacher.predictAsync(batch)',
    );
  };
  const said = `${preparation.description}; ${kind} from ${output}`;
  const fingerprint = async () => ({ name, weights: files.sha256, preprocessing: said });
  return Object.assign(atOnce, { predictAsync, fingerprint, dispose: async () => model.dispose() });
}

async function answered(
  caller: string,
  images: Tensor4D,
  run: (images: Tensor4D) => Promise<Tensor[]>,
): Promise<Tensor[]> {
  try {
    return await run(images);
  } catch (cause) {
    throw Object.assign(
      expectedError(
        caller,
        `an answer to images [${images.shape.join(', ')}]`,
        (cause as Error).message,
      ),
      { cause },
    );
  }
}

/** ln p, whose softmax is p; frees p. */
function logarithmsOf(probabilities: Tensor2D): Tensor2D {
  const logits = tidy(() => log(maximum(probabilities, SMALLEST)) as Tensor2D);
  probabilities.dispose();
  return logits;
}
