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
import {
  type DisposableTeacher,
  expectKind,
  type ImagePreprocessor,
  type OutputKind,
  SMALLEST_PROBABILITY,
  unchangedImages,
} from './externalTeacher.ts';
import { openTfjsModel, readTfjsFiles, type TfjsModel } from './tfjsModel.ts';

/** Options of `tfjsTeacher`. */
export interface TfjsTeacherOptions {
  /**
   * Preprocessing of the images, which are 0–1; none. `createPreprocessor` of @kd/models resizes
   * and normalizes.
   */
  readonly prepare?: ImagePreprocessor;
  /**
   * Output with the classes, [batch, classes]; required if the model has several outputs. It may be
   * an inner node (graph models) or a layer, such as the one before the softmax.
   */
  readonly output?: string;
  /** Kind of that output; `logits`. Of probabilities the logarithm is taken. */
  readonly outputs?: OutputKind;
  /** Features: our name → a node of a graph model, a layer of a layers model. */
  readonly features?: Readonly<Record<string, string>>;
  /** Name of the teacher; by default that of the directory. */
  readonly name?: string;
}

/**
 * A TensorFlow.js model as a teacher: a graph model (`@tensorflow/tfjs-converter`) or a layers
 * model (`@tensorflow/tfjs-layers`), run by the engine. It only has `predictAsync`, since graphs
 * may need it. Whether its output is of the declared kind is checked with the first batch.
 * @param location Directory with `model.json` and the files of weights, or the path of that file.
 * @throws RangeError that names the file and the field, or what of the model does not fit.
 */
export async function tfjsTeacher(
  location: string,
  options: TfjsTeacherOptions = {},
): Promise<DisposableTeacher> {
  const caller = path.basename(location);
  const {
    prepare: preprocessor = unchangedImages,
    outputs: kind = 'logits',
    features = {},
    name = caller,
  } = options;
  const files = await readTfjsFiles(location);
  const model = await openTfjsModel(files, caller);
  const output = options.output ?? onlyOutput(model, caller);
  const requested = [output, ...Object.values(features)];
  ensure(
    new Set(requested).size === requested.length,
    caller,
    'an output and features of different names',
    requested,
  );
  const run = model.select(requested);
  const state = { isKindChecked: false };

  const predictAsync = async ({ images }: Batch): Promise<Outputs> => {
    const prepared = tidy(() => preprocessor.prepare(images).clone());
    try {
      expectInput(caller, model, prepared);
      const [values, ...others] = (await runModel(caller, prepared, run)) as [Tensor, ...Tensor[]];
      try {
        ensure(
          values.rank === 2 && values.shape[0] === images.shape[0],
          caller,
          `${output} of shape [${images.shape[0]}, classes]`,
          values.shape,
        );
        if (!state.isKindChecked) {
          const data = (await values.data()) as Float32Array;
          expectKind(caller, data, values.shape[1] as number, kind);
        }
        state.isKindChecked = true;
      } catch (error) {
        dispose([values, ...others]);
        throw error;
      }
      const named = Object.keys(features).map((feature, at) => [feature, others[at] as Tensor]);
      return {
        logits: kind === 'logits' ? (values as Tensor2D) : toLogits(values as Tensor2D),
        features: Object.fromEntries(named),
      };
    } finally {
      prepared.dispose();
    }
  };
  const direct = (): Outputs => {
    throw expectedError(
      caller,
      'to be evaluated by predictAsync',
      'a direct call',
      'await teacher.predictAsync(batch)',
    );
  };
  const preprocessing = `${preprocessor.description}; ${kind} from ${output}`;
  const fingerprint = async () => ({ name, weights: files.sha256, preprocessing });
  const freeModel = async () => model.dispose();
  return Object.assign(direct, { predictAsync, fingerprint, dispose: freeModel });
}

function onlyOutput({ outputs }: TfjsModel, caller: string): string {
  const [only, ...others] = outputs;
  ensure(
    only !== undefined && others.length === 0,
    caller,
    'one output',
    outputs,
    'name the one with the classes: output',
  );
  return only;
}

function expectInput(caller: string, { inputShape }: TfjsModel, images: Tensor4D): void {
  const fits =
    inputShape?.every((side, axis) => axis === 0 || side === null || side === images.shape[axis]) ??
    true;
  ensure(
    fits,
    caller,
    `images [${inputShape?.join(', ')}]`,
    `[${images.shape.join(', ')}] after preprocessing`,
    'check prepare, which resizes',
  );
}

async function runModel(
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
        `outputs for images [${images.shape.join(', ')}]`,
        (cause as Error).message,
      ),
      { cause },
    );
  }
}

/** ln p, whose softmax is p; frees p. */
function toLogits(probabilities: Tensor2D): Tensor2D {
  const logits = tidy(() => log(maximum(probabilities, SMALLEST_PROBABILITY)) as Tensor2D);
  probabilities.dispose();
  return logits;
}
