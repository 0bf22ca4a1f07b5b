import path from 'node:path';
import { ensure, expectedError, type ModelFingerprint, type Teacher, type ViewKey } from '@kd/core';
import {
  type ByteSource,
  bytesPerElement,
  isNpy,
  type NpyArray,
  readNpyHeader,
  readSafetensorsIndex,
  subarrayBetween,
  toFloat32,
} from '@kd/files';
import { fileByteSource, hashFile } from '@kd/files/node';
import { givenLogits } from '../../teachers/elsewhere/givenLogits.ts';
import { expectKind, logarithms, type OutputKind } from '../../teachers/elsewhere/outputKind.ts';

export interface LogitsTeacherOptions {
  /** What the file holds; `logits`. Of probabilities the logarithm is taken. */
  readonly outputs?: OutputKind;
  /** Its name in a safetensors file; by default `logits`, else the only matrix of floats. */
  readonly tensor?: string;
  /**
   * Of which view of the pictures the logits are; by default those without augmentation, and other
   * pictures are refused: their pixels are not what was looked
   * at. `ignored` teaches the same under every augmentation, of pictures that the teacher has not
   * seen.
   */
  readonly view?: ViewKey | 'ignored';
  /** The file's name. */
  readonly name?: string;
}

const largest = 2 ** 31;

/**
 * A teacher that has spoken already: a file of logits [rows, classes], `.npy` or safetensors, row r
 * for picture r of the whole image set (not of a split).
 * `evaluate(teacher, batches)` tells whether rows and pictures belong together. Memory: 4 bytes ·
 * rows · classes.
 * @throws RangeError that names the file and what is wrong in it; later, on pictures of another
 * view and on rows that are not there.
 */
export async function logitsTeacher(
  file: string,
  options: LogitsTeacherOptions = {},
): Promise<Teacher & { readonly fingerprint: () => Promise<ModelFingerprint> }> {
  const where = path.basename(file);
  const { outputs = 'logits', view = { spec: 'plain', seed: 0 }, name = where } = options;
  const { logits, rows, classes } = matrixOf(fileByteSource(file, where), where, options.tensor);
  expectKind(where, logits, classes, outputs);
  if (outputs === 'probabilities') logarithms(logits);
  const weights = await hashFile(file, 'sha256');
  const shown =
    view === 'ignored' ? 'the same for every view' : `of view ${view.spec} from seed ${view.seed}`;
  const fingerprint = async () => ({ name, weights, preprocessing: `${outputs} by row, ${shown}` });
  return Object.assign(givenLogits(where, { logits, rows, classes, view }), { fingerprint });
}

function matrixOf(source: ByteSource, caller: string, tensor: string | undefined) {
  const isZip =
    source.length >= 2 && String.fromCharCode(...subarrayBetween(source, 0, 2)) === 'PK';
  ensure(
    !isZip,
    caller,
    '.npy or safetensors',
    'a zip archive',
    'save one array: np.save(file, logits)',
  );
  const array = isNpy(source)
    ? npyOf(source, caller, tensor)
    : safetensorOf(source, caller, tensor);
  const { dtype, shape, fortranOrder, begin } = array;
  ensure(shape.length === 2, caller, 'logits of shape [rows, classes]', shape);
  const [rows, classes] = shape as [number, number];
  ensure(
    rows >= 1 && classes >= 1 && rows * classes * 4 <= largest,
    caller,
    `logits of 1 to ${largest} bytes as float32`,
    shape,
  );
  const values = toFloat32(source, dtype, begin, rows * classes);
  return { logits: fortranOrder ? transposed(values, rows, classes) : values, rows, classes };
}

function npyOf(source: ByteSource, caller: string, tensor: string | undefined): NpyArray {
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

function safetensorOf(source: ByteSource, caller: string, wanted: string | undefined): NpyArray {
  const { tensors, metadata } = readSafetensorsIndex(source, caller);
  ensure(
    metadata.format !== 'kd-teacher-logits',
    caller,
    'logits of one view',
    'a recording',
    'cachedTeacher reads those',
  );
  const matrices = Object.keys(tensors).filter(
    (name) => tensors[name]?.shape.length === 2 && /^B?F\d+$/.test(tensors[name].dtype),
  );
  const name = wanted ?? (matrices.includes('logits') ? 'logits' : matrices[0]);
  const isClear = wanted !== undefined || name === 'logits' || matrices.length === 1;
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

/** From column by column to row by row. */
function transposed(
  values: Float32Array<ArrayBuffer>,
  rows: number,
  classes: number,
): Float32Array<ArrayBuffer> {
  return values.map((_, at) => values[(at % classes) * rows + Math.floor(at / classes)] as number);
}
