import path from 'node:path';
import { type Batch, ensure, expectedError, type Outputs } from '@kd/core';
import { hashBytes } from '@kd/files/node';
import {
  type Tensor,
  type Tensor4D,
  tensor,
  tensor2d,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';
import {
  type DisposableTeacher,
  expectKind,
  type ImagePreprocessor,
  imagenetNormalized,
  type OutputKind,
  readBounded,
  replaceByLogarithms,
} from './externalTeacher.ts';
import {
  expectEmbeddedWeights,
  type OnnxSession,
  type OnnxValue,
  type RefusedProvider,
} from './onnxSession.ts';
import { openOnnxThread } from './openOnnxThread.ts';

/** Options of `onnxTeacher`. */
export interface OnnxTeacherOptions {
  /** Layout of the model's images and maps; `NCHW`, as PyTorch exports. */
  readonly layout?: 'NCHW' | 'NHWC';
  /**
   * Preprocessing of the images, which are 0–1. By default ImageNet's mean and std without
   * resizing; `createPreprocessor` of @kd/models also resizes.
   */
  readonly prepare?: ImagePreprocessor;
  /** Output with the classes, [batch, classes]; required if the model has several outputs. */
  readonly output?: string;
  /** Kind of that output; `logits`. Of probabilities the logarithm is taken. */
  readonly outputs?: OutputKind;
  /** Features: our name → another output that is declared in the model. */
  readonly features?: Readonly<Record<string, string>>;
  /** Name of the teacher; by default that of the file. */
  readonly name?: string;
  /** Number of threads; by default one per core. */
  readonly threads?: number;
  /**
   * Execution providers of ONNX Runtime, in the order of preference: `['cuda', 'cpu']`. Each is
   * tried; the first that starts is taken. By default the CPU.
   */
  readonly providers?: readonly string[];
}

/** A teacher that ONNX Runtime runs. */
export interface OnnxTeacher extends DisposableTeacher {
  /** The execution provider that runs it. */
  readonly provider: string;
  /** The providers before it in the list, and why they did not start. */
  readonly refusedProviders: readonly RefusedProvider[];
}

/**
 * A network in an ONNX file as a teacher, run by ONNX Runtime (`onnxruntime-node`, to be installed)
 * in a thread of its own: meanwhile the next batch is prepared, progress is shown and Ctrl-C is
 * heard. It only has `predictAsync`, which `train`, `distill`, `evaluate`, `cacheOutputs` and
 * ensembles use. A model of a fixed batch size is run in parts, the last one padded with zeros.
 * @throws RangeError that names the file and what does not fit: inputs and outputs, their shapes
 * and types, weights outside of the file.
 */
export async function onnxTeacher(
  file: string,
  options: OnnxTeacherOptions = {},
): Promise<OnnxTeacher> {
  const caller = path.basename(file);
  const {
    layout = 'NCHW',
    prepare: preprocessor = imagenetNormalized,
    outputs: kind = 'logits',
    features = {},
    name = caller,
    threads = 0,
    providers = ['cpu'],
  } = options;
  ensure(
    Number.isInteger(threads) && threads >= 0,
    'onnxTeacher',
    'threads as a whole number ≥ 1, or nothing',
    threads,
  );
  const hasProviders = providers.length > 0;
  ensure(hasProviders, 'onnxTeacher', 'one provider or more', providers, "['cpu'] is always there");
  const bytes = await readBounded(file, caller);
  expectEmbeddedWeights(bytes, caller);
  const weights = hashBytes([bytes], 'sha256');
  const session = await openOnnxThread(bytes, { caller, threads, providers });
  const chosen = () => chooseOutputs(session.outputs, options.output, features, caller);
  const { output, requested } = await chosenOrClosed(session, chosen);

  const predictAsync = async ({ images }: Batch): Promise<Outputs> => {
    const input = await toOnnxInput(images, preprocessor, layout);
    const values = await session.run(input, requested);
    const { data, dims } = values[output] as OnnxValue;
    ensure(
      dims.length === 2 && dims[0] === images.shape[0],
      caller,
      `${output} of shape [${images.shape[0]}, classes]`,
      dims,
    );
    expectKind(caller, data, dims[1] as number, kind);
    const logits = data.slice();
    if (kind === 'probabilities') replaceByLogarithms(logits);
    return {
      logits: tensor2d(logits, dims as [number, number]),
      features: Object.fromEntries(
        Object.entries(features).map(([feature, from]) => [
          feature,
          toFeature(values[from] as OnnxValue, layout),
        ]),
      ),
    };
  };
  const direct = (): Outputs => {
    throw expectedError(
      caller,
      'to be evaluated by predictAsync',
      'a direct call',
      'await teacher.predictAsync(batch): ONNX Runtime has no other way',
    );
  };
  const preprocessing = `${preprocessor.description}; ${layout}; ${kind} from ${output}`;
  const fingerprint = async () => ({ name, weights, preprocessing });
  const { provider, refused: refusedProviders, close: dispose } = session;
  return Object.assign(direct, { predictAsync, fingerprint, dispose, provider, refusedProviders });
}

interface ChosenOutputs {
  /** The one with the classes. */
  readonly output: string;
  /** All that are used, each once. */
  readonly requested: readonly string[];
}

/** @throws RangeError if one is not declared, or the one with the classes cannot be told. */
function chooseOutputs(
  outputs: readonly string[],
  wanted: string | undefined,
  features: Readonly<Record<string, string>>,
  caller: string,
): ChosenOutputs {
  const output = wanted ?? onlyOutput(outputs, caller);
  const requested = [...new Set([output, ...Object.values(features)])];
  const unknown = requested.find((one) => !outputs.includes(one));
  ensure(
    unknown === undefined,
    caller,
    `outputs among ${outputs.join(', ')}`,
    unknown,
    'declare it as an output when the model is exported',
  );
  return { output, requested };
}

/** Returns what `choose` does; where it throws, the session is closed first. */
async function chosenOrClosed(
  session: OnnxSession,
  choose: () => ChosenOutputs,
): Promise<ChosenOutputs> {
  try {
    return choose();
  } catch (error) {
    await session.close();
    throw error;
  }
}

function onlyOutput(outputs: readonly string[], caller: string): string {
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

async function toOnnxInput(
  images: Tensor4D,
  { prepare }: ImagePreprocessor,
  layout: 'NCHW' | 'NHWC',
): Promise<OnnxValue> {
  const input = tidy(() => {
    const prepared = prepare(images);
    return layout === 'NCHW' ? transpose(prepared, [0, 3, 1, 2]) : prepared.clone();
  });
  try {
    return { data: (await input.data()) as Float32Array, dims: input.shape };
  } finally {
    input.dispose();
  }
}

/** A feature as a tensor; maps become [batch, height, width, channels]. */
function toFeature({ data, dims }: OnnxValue, layout: 'NCHW' | 'NHWC'): Tensor {
  return tidy(() => {
    const feature = tensor(data, [...dims], 'float32');
    return layout === 'NCHW' && dims.length === 4 ? transpose(feature, [0, 2, 3, 1]) : feature;
  });
}
