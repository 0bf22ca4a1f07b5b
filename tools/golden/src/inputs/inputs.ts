import { expectedError } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import type { GoldenFile, GoldenInput, Json, JsonObject, LossEntry } from '../format/file.ts';
import { valuesOf } from '../format/formula.ts';
import { caseInput } from './caseInputs.ts';

/**
 * The inputs of an entry as functions of the named tensors, so that gradients can be taken with
 * respect to those.
 */
export interface EntryInputs {
  /** Every named or inline tensor that the entry uses, owned by the caller. */
  readonly sources: Readonly<Record<string, tf.Tensor>>;
  /**
   * Returns one tensor of a role (student, teacher …).
   * @param from The sources, or their substitutes.
   */
  tensor(role: string, from: Readonly<Record<string, tf.Tensor>>): tf.Tensor;
  tensors(role: string, from: Readonly<Record<string, tf.Tensor>>): tf.Tensor[];
  readonly roles: readonly string[];
}

type Make = (from: Readonly<Record<string, tf.Tensor>>) => tf.Tensor;

/**
 * Reads inputs, including expressions over them: `row 0 of S`, `every row = row 0 of S`, `zeros in
 * the shape of fr`, `0.5*fr with channels reversed + 0.1`, `ft reversed along the batch`.
 * @throws RangeError for an input that is neither a name, nor values, nor a known expression.
 */
export function inputsOf(file: GoldenFile, entry: Pick<LossEntry, 'inputs'>): EntryInputs {
  const sources: Record<string, tf.Tensor> = {};
  const made: Record<string, Make[]> = {};
  for (const [role, source] of Object.entries(entry.inputs)) {
    const several = namesIn(source) ?? [source];
    for (const name of several) addOwnSource(file, entry, role, name, sources);
    made[role] = several.map((one) => makerOf(file, role, one, sources));
  }
  const of = (role: string): Make[] => {
    const makers = made[role];
    if (makers === undefined)
      throw expectedError('golden', `an input ${role}`, Object.keys(made).join(', '));
    return makers;
  };
  return {
    sources,
    tensor: (role, from) => (of(role)[0] as Make)(from),
    tensors: (role, from) => of(role).map((make) => make(from)),
    roles: Object.keys(made),
  };
}

/** Returns a list of names, or lists of them concatenated; undefined if there is anything else. */
function namesIn(source: Json | undefined): readonly string[] | undefined {
  const names = Array.isArray(source) ? source.flat(2) : [];
  return names.length > 0 && names.every((name) => typeof name === 'string') ? names : undefined;
}

/** Adds a source that the entry itself defines. */
function addOwnSource(
  file: GoldenFile,
  entry: Pick<LossEntry, 'inputs'>,
  role: string,
  name: Json | undefined,
  sources: Record<string, tf.Tensor>,
): void {
  if (typeof name !== 'string' || file.inputs?.[name] !== undefined || sources[name] !== undefined)
    return;
  const made = caseInput(file, entry as JsonObject, role, name, (other) =>
    makerOf(file, role, other, sources)(sources),
  );
  if (made !== undefined) sources[name] = made;
}

function makerOf(
  file: GoldenFile,
  role: string,
  source: Json | undefined,
  sources: Record<string, tf.Tensor>,
): Make {
  if (typeof source !== 'string') {
    sources[role] = inline(role, source);
    return (from) => from[role] as tf.Tensor;
  }
  if (sources[source] !== undefined) return (from) => from[source] as tf.Tensor;
  if (file.inputs?.[source] !== undefined) {
    const input = file.inputs[source];
    sources[source] = tf.tidy(() => named(source, input));
    return (from) => from[source] as tf.Tensor;
  }
  const row = /^(?:row|sample) (\d+) of (\S+)$/.exec(source);
  if (row) return after(makerOf(file, role, row[2], sources), (x) => rowsFrom(x, Number(row[1])));
  const first = /^first of (\S+)$/.exec(source);
  if (first) return after(makerOf(file, role, first[1], sources), (x) => rowsFrom(x, 0));
  const every = /^every row = row (\d+) of (\S+)$/.exec(source);
  if (every)
    return after(makerOf(file, role, every[2], sources), (x) =>
      tf.concat(new Array(x.shape[0]).fill(rowsFrom(x, Number(every[1])))),
    );
  const zeros = /^zeros in the shape of (\S+)$/.exec(source);
  if (zeros) return after(makerOf(file, role, zeros[1], sources), (x) => tf.zerosLike(x));
  const remarked = /^(\w+) \(.*\)$/.exec(source);
  if (remarked) return makerOf(file, role, remarked[1], sources);
  const altered =
    /^(?:([\d.]+)\*)?(\w+)( reversed along the batch| with channels reversed)?(?: ?([-+] ?[\d.]+))?$/.exec(
      source,
    );
  if (altered?.[2] !== undefined && altered[2] !== source) {
    const [, factor = '1', name, reversal, offset = '0'] = altered;
    const axis = reversal === undefined ? [] : reversal.includes('channels') ? [-1] : [0];
    return after(makerOf(file, role, name, sources), (x) =>
      tf.add(tf.mul(tf.reverse(x, axis), Number(factor)), Number(offset.replace(' ', ''))),
    );
  }
  throw expectedError(
    'golden',
    `${role} as values, one of ${Object.keys(file.inputs ?? {}).join(', ')}, or a row of one`,
    source,
  );
}

function after(make: Make, then: (x: tf.Tensor) => tf.Tensor): Make {
  return (from) => then(make(from));
}

function rowsFrom(x: tf.Tensor, row: number): tf.Tensor {
  return tf.slice(x, [row, ...new Array(x.rank - 1).fill(0)], [1, ...x.shape.slice(1)]);
}

function inline(role: string, values: Json | undefined): tf.Tensor {
  if (!Array.isArray(values)) throw expectedError('golden', `${role} as values or a name`, values);
  return tf.tensor(values as tf.TensorLike, undefined, role === 'labels' ? 'int32' : 'float32');
}

/** Labels int32; maps [batch, height, width, channels]. */
function named(
  name: string,
  { kind, shape, values, valuesNHWC, ...rest }: GoldenInput & { readonly formula?: string },
): tf.Tensor {
  const dtype = kind === 'labels' ? 'int32' : 'float32';
  if (values !== undefined) return tf.tensor(values as tf.TensorLike, shape as number[], dtype);
  const [batch, channels, height, width] = shape as [number, number, number, number];
  if (valuesNHWC !== undefined)
    return tf.tensor([...valuesNHWC], [batch, height, width, channels], dtype);
  if (rest.formula === undefined) throw expectedError('golden', `values of ${name}`, undefined);
  const flat = tf.tensor(valuesOf(rest.formula, shape), shape as number[], dtype);
  return shape.length === 4 ? tf.transpose(flat, [0, 2, 3, 1]) : flat;
}
