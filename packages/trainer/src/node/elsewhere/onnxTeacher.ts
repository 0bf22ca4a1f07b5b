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
import { expectKind, logarithms, type OutputKind } from '../../teachers/elsewhere/outputKind.ts';
import {
  type ImagePreparation,
  imagenetNormalized,
  type OwnedTeacher,
} from '../../teachers/elsewhere/ownedTeacher.ts';
import { expectWeightsInside } from './onnxExternal.ts';
import { type OnnxValue, openOnnx } from './onnxSession.ts';
import { readBounded } from './readBounded.ts';

export interface OnnxTeacherOptions {
  /** How the model takes its images, and gives its maps; `NCHW`, as PyTorch exports. */
  readonly layout?: 'NCHW' | 'NHWC';
  /**
   * What images, 0–1, go through first; ImageNet's mean and deviation, and no resizing:
   * `createPreprocessor` of @kd/models has that.
   */
  readonly prepare?: ImagePreparation;
  /**
   * The output with what it says of the classes, [batch, classes]; needed where the model has
   * several.
   */
  readonly output?: string;
  /** What that output holds; `logits`. Of probabilities the logarithm is taken. */
  readonly outputs?: OutputKind;
  /** Features by name: other outputs of the model, which must be declared in it. */
  readonly taps?: Readonly<Record<string, string>>;
  /** The file's name. */
  readonly name?: string;
  /** Threads that compute; as many as there are cores. */
  readonly threads?: number;
}

/**
 * A network in an ONNX file as a teacher, run by ONNX Runtime on the CPU (`onnxruntime-node`, to be
 * installed). It answers `predictAsync` only, which is how
 * `train`, `distill`, `evaluate`, `cacheOutputs` and ensembles ask. A model of a fixed batch size
 * is asked in parts, the last filled up with zeros.
 * @throws RangeError that names the file and what does not fit: its inputs and outputs, their
 * shapes and types, weights outside of the file.
 */
export async function onnxTeacher(
  file: string,
  options: OnnxTeacherOptions = {},
): Promise<OwnedTeacher> {
  const where = path.basename(file);
  const {
    layout = 'NCHW',
    prepare: preparation = imagenetNormalized,
    outputs: kind = 'logits',
    taps = {},
    name = where,
    threads = 0,
  } = options;
  ensure(
    Number.isInteger(threads) && threads >= 0,
    'onnxTeacher',
    'threads as a whole number ≥ 1, or nothing',
    threads,
  );
  const bytes = await readBounded(file, where);
  expectWeightsInside(bytes, where);
  const weights = hashBytes([bytes], 'sha256');
  const session = await openOnnx(bytes, where, threads);
  const output = outputOf(session.outputs, options.output, where);
  const wanted = [output, ...Object.values(taps)];
  const strange = wanted.find((one) => !session.outputs.includes(one));
  ensure(
    strange === undefined,
    where,
    `outputs among ${session.outputs.join(', ')}`,
    strange,
    'declare it as an output when the model is exported',
  );

  const predictAsync = async ({ images }: Batch): Promise<Outputs> => {
    const values = await session.run(await inputOf(images, preparation, layout), [
      ...new Set(wanted),
    ]);
    const { data, dims } = values[output] as OnnxValue;
    ensure(
      dims.length === 2 && dims[0] === images.shape[0],
      where,
      `${output} of shape [${images.shape[0]}, classes]`,
      dims,
    );
    expectKind(where, data, dims[1] as number, kind);
    const logits = data.slice();
    if (kind === 'probabilities') logarithms(logits);
    const features = Object.entries(taps).map(
      ([tap, from]) => [tap, featureOf(values[from] as OnnxValue, layout)] as const,
    );
    return {
      logits: tensor2d(logits, dims as [number, number]),
      features: Object.fromEntries(features),
    };
  };
  const atOnce = (): Outputs => {
    throw expectedError(
      where,
      'to be evaluated by predictAsync',
      'a call',
      'await teacher.predictAsync(batch): ONNX Runtime has no other way',
    );
  };
  const said = `${preparation.description}; ${layout}; ${kind} from ${output}`;
  const fingerprint = async () => ({ name, weights, preprocessing: said });
  return Object.assign(atOnce, { predictAsync, fingerprint, dispose: session.close });
}

function outputOf(outputs: readonly string[], wanted: string | undefined, caller: string): string {
  const [only, ...others] = outputs;
  if (wanted !== undefined) return wanted;
  ensure(
    only !== undefined && others.length === 0,
    caller,
    'one output',
    outputs,
    'say which has the classes: output',
  );
  return only;
}

async function inputOf(
  images: Tensor4D,
  { prepare }: ImagePreparation,
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

/** Maps come as [batch, height, width, channels], whatever the model's layout. */
function featureOf({ data, dims }: OnnxValue, layout: 'NCHW' | 'NHWC'): Tensor {
  return tidy(() => {
    const feature = tensor(data, [...dims], 'float32');
    return layout === 'NCHW' && dims.length === 4 ? transpose(feature, [0, 2, 3, 1]) : feature;
  });
}
