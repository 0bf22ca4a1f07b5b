import path from 'node:path';
import { ensure, expectedError, type ModelFingerprint, type Teacher, type ViewKey } from '@kd/core';
import {
  type ByteSource,
  bytesPerElement,
  isNpy,
  type NpyArray,
  readNpyHeader,
  readRange,
  readSafetensorsIndex,
  toFloat32,
} from '@kd/files';
import { fileByteSource, hashFile } from '@kd/files/node';
import { tensor2d } from '@tensorflow/tfjs-core';
import { expectKind, type OutputKind, replaceByLogarithms } from './externalTeacher.ts';

/** Options of `logitsTeacher`. */
export interface LogitsTeacherOptions {
  /** Kind of the values; `logits`. Of probabilities the logarithm is taken. */
  readonly outputs?: OutputKind;
  /** Name in a safetensors file; by default `logits`, else the only matrix of floats. */
  readonly tensor?: string;
  /**
   * The view of the images for which the logits were computed; by default the one without
   * augmentation. Images under another view are refused, since their pixels differ. `ignored` uses
   * the same logits under every augmentation, for images that the teacher has not been evaluated
   * on.
   */
  readonly view?: ViewKey | 'ignored';
  /** Name of the teacher; by default that of the file. */
  readonly name?: string;
}

const MAX_BYTES = 2 ** 31;

/**
 * A teacher whose logits are in a file: a matrix [images, classes], `.npy` or safetensors, row i
 * for image i of the whole data set (not of a split). `evaluate(teacher, data)` shows whether rows
 * and images belong together. Memory: 4 bytes · images · classes.
 * @throws RangeError that names the file and what is wrong in it; later, on images under another
 * view and on images beyond the last row.
 */
export async function logitsTeacher(
  file: string,
  options: LogitsTeacherOptions = {},
): Promise<Teacher & { readonly fingerprint: () => Promise<ModelFingerprint> }> {
  const caller = path.basename(file);
  const { outputs = 'logits', view = { spec: 'plain', seed: 0 }, name = caller } = options;
  const matrix = readMatrix(fileByteSource(file, caller), caller, options.tensor);
  expectKind(caller, matrix.values, matrix.classes, outputs);
  if (outputs === 'probabilities') replaceByLogarithms(matrix.values);
  const weights = await hashFile(file, 'sha256');
  const views =
    view === 'ignored' ? 'the same for every view' : `of view ${view.spec} from seed ${view.seed}`;
  const fingerprint = async () => ({ name, weights, preprocessing: `${outputs} by row, ${views}` });
  return Object.assign(lookUpLogits(caller, matrix, view), { fingerprint });
}

/** A matrix, row-major. */
interface Matrix {
  readonly values: Float32Array<ArrayBuffer>;
  readonly rows: number;
  readonly classes: number;
}

/** @param view The view of the images that the logits are for. */
function lookUpLogits(
  caller: string,
  { values, rows, classes }: Matrix,
  view: ViewKey | 'ignored',
): Teacher {
  return ({ indices, view: batchView }) => {
    if (view !== 'ignored') {
      ensure(
        batchView.spec === view.spec && batchView.seed === view.seed,
        caller,
        `images under the view of these logits (${view.spec} from seed ${view.seed})`,
        `${batchView.spec} from seed ${batchView.seed}`,
        "train without augmentation, use a live teacher, or pass view: 'ignored' to use the logits of other pixels",
      );
    }
    const chosen = new Float32Array(indices.length * classes);
    for (const [at, index] of indices.entries()) {
      ensure(
        index >= 0 && index < rows,
        caller,
        `indices of the data set below ${rows}, the number of rows`,
        index,
        'the logits are of another data set',
      );
      chosen.set(values.subarray(index * classes, (index + 1) * classes), at * classes);
    }
    return { logits: tensor2d(chosen, [indices.length, classes]), features: {} };
  };
}

function readMatrix(source: ByteSource, caller: string, tensor: string | undefined): Matrix {
  const isZip = source.length >= 2 && String.fromCharCode(...readRange(source, 0, 2)) === 'PK';
  ensure(
    !isZip,
    caller,
    '.npy or safetensors',
    'a zip archive',
    'save one array: np.save(file, logits)',
  );
  const array = isNpy(source)
    ? readNpy(source, caller, tensor)
    : readSafetensor(source, caller, tensor);
  const { dtype, shape, fortranOrder, begin } = array;
  ensure(shape.length === 2, caller, 'logits of shape [images, classes]', shape);
  const [rows, classes] = shape as [number, number];
  ensure(
    rows >= 1 && classes >= 1 && rows * classes * 4 <= MAX_BYTES,
    caller,
    `logits of 1 to ${MAX_BYTES} bytes as float32`,
    shape,
  );
  const values = toFloat32(source, dtype, begin, rows * classes);
  return { values: fortranOrder ? transpose(values, rows, classes) : values, rows, classes };
}

function readNpy(source: ByteSource, caller: string, tensor: string | undefined): NpyArray {
  ensure(
    tensor === undefined,
    caller,
    'no tensor name for an .npy file, which has one array',
    tensor,
  );
  const array = readNpyHeader(source, caller);
  const bytes = array.shape.reduce((product, side) => product * side, bytesPerElement(array.dtype));
  ensure(
    bytes === source.length - array.begin,
    caller,
    `${bytes} bytes of numbers (${array.dtype} [${array.shape.join(', ')}])`,
    source.length - array.begin,
  );
  return array;
}

function readSafetensor(
  source: ByteSource,
  caller: string,
  requested: string | undefined,
): NpyArray {
  const { tensors, metadata } = readSafetensorsIndex(source, caller);
  ensure(
    metadata.format?.startsWith('kd-') !== true,
    caller,
    'logits of one view',
    'an output cache',
    'cachedTeacher reads those',
  );
  const matrices = Object.keys(tensors).filter(
    (name) => tensors[name]?.shape.length === 2 && /^B?F\d+$/.test(tensors[name].dtype),
  );
  const name = requested ?? (matrices.includes('logits') ? 'logits' : matrices[0]);
  const isClear = requested !== undefined || name === 'logits' || matrices.length === 1;
  ensure(
    isClear,
    caller,
    'one matrix of floats, or one called logits',
    matrices.length === 0 ? 'none' : matrices,
    'name it: tensor',
  );
  const found = Object.hasOwn(tensors, name as string) ? tensors[name as string] : undefined;
  if (found === undefined) throw expectedError(caller, `a tensor ${name}`, Object.keys(tensors));
  return { ...found, fortranOrder: false };
}

/** Column-major to row-major. */
function transpose(
  values: Float32Array<ArrayBuffer>,
  rows: number,
  classes: number,
): Float32Array<ArrayBuffer> {
  return values.map((_, at) => values[(at % classes) * rows + Math.floor(at / classes)] as number);
}
