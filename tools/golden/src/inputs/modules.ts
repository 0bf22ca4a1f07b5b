import { expectedError } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { isObject, type Json, type JsonObject, type LossEntry } from '../format/file.ts';
import { formula, valuesOf } from '../format/formula.ts';

/** Returns an entry with all its fields: weights of modules, masks, margins. */
export function extrasOf(entry: LossEntry): JsonObject {
  return entry as LossEntry & JsonObject;
}

/**
 * Assigns the weights of an entry to variables: those of `module`, in its order, or those of
 * `moduleFormula`, a formula of the index k in PyTorch's order and the flat index n. The variables
 * are in that order, a batch norm's scale in the position of its weight.
 */
export function fillModule(entry: LossEntry, weights: Readonly<Record<string, tf.Variable>>): void {
  const values = valuesIn(extrasOf(entry));
  const names = Object.keys(weights);
  if (names.length !== values.count)
    throw expectedError('golden', `${names.length} weights for ${names.join(', ')}`, values.count);
  for (const [place, [name, weight]] of Object.entries(weights).entries()) {
    tf.tidy(() =>
      weight.assign(fromTorch(values.at(place, weight, name.endsWith('.scale')), weight.shape)),
    );
  }
}

/**
 * Reads the teacher's classifier of an entry as a kernel [channels, classes], and its bias if it
 * has one.
 */
export function classifierHead(
  entry: LossEntry,
  channels: number,
): { kernel: tf.Tensor2D; bias?: tf.Tensor1D } {
  const { teacherClassifier: classifier, predictedLogits } = extrasOf(entry);
  if (typeof classifier === 'string') {
    const [, text] = /weight\[n\] = ([^,]+),/.exec(classifier) ?? [];
    const classes =
      Array.isArray(predictedLogits) && Array.isArray(predictedLogits[0])
        ? predictedLogits[0].length
        : 10;
    return {
      kernel: tf.transpose(
        tf.tensor2d(valuesOf(text ?? classifier, [classes, channels]), [classes, channels]),
      ),
    };
  }
  if (!isObject(classifier))
    throw expectedError('golden', 'teacherClassifier as weights or a formula', classifier);
  const weight = Object.entries(classifier).find(([name]) => name.startsWith('weight'))?.[1];
  const kernel = tf.transpose(tf.tensor2d(weight as number[][]));
  if (classifier.bias === undefined || classifier.bias === 0) return { kernel };
  const bias =
    typeof classifier.bias === 'string'
      ? valuesOf(classifier.bias, [kernel.shape[1]])
      : (classifier.bias as number[]);
  return { kernel, bias: tf.tensor1d(bias) };
}

interface ModuleValues {
  readonly count: number;
  /** Returns the values in PyTorch's order of axes. */
  at(place: number, weight: tf.Variable, isScale: boolean): tf.Tensor;
}

function valuesIn({ module, moduleFormula }: JsonObject): ModuleValues {
  if (typeof moduleFormula === 'string') return byFormula(moduleFormula);
  const given = Object.values(isObject(module) ? module : {});
  return {
    count: given.length,
    at: (place, weight) =>
      tf.reshape(tf.tensor(given[place] as tf.TensorLike), torchShape(weight.shape)),
  };
}

function byFormula(text: string): ModuleValues {
  const [, names, value] = /in this order: ([^;]+); value\[n\] = ([^,;]+)/.exec(text) ?? [];
  if (names === undefined || value === undefined)
    throw expectedError('golden', 'k = index in this order: names; value[n] = formula', text);
  const scale = formula(/BatchNorm weights ([^,;]+?)(?:$|[,;])/.exec(text)?.[1] ?? 'that');
  return {
    count: names.split(',').length,
    at(k, { shape }, isScale) {
      const values = valuesOf(value, shape, { k });
      return tf.tensor(isScale ? values.map((that) => scale({ that })) : values, torchShape(shape));
    },
  };
}

/** OIHW for HWIO, [out, in] for [in, out]. */
function torchShape(shape: readonly number[]): number[] {
  if (shape.length === 4) return [3, 2, 0, 1].map((axis) => shape[axis] as number);
  return [...shape].reverse();
}

function fromTorch(values: tf.Tensor, shape: readonly number[]): tf.Tensor {
  if (shape.length === 4) return tf.transpose(values, [2, 3, 1, 0]);
  return shape.length === 2 ? tf.transpose(values) : values;
}

/** Reads values that an entry has as nested lists: masks, margins, attention. */
export function tensorIn(entry: LossEntry, name: string): tf.Tensor {
  const values: Json | undefined = extrasOf(entry)[name];
  if (!Array.isArray(values)) throw expectedError('golden', `${name} as values`, values);
  return tf.tensor(values as tf.TensorLike, undefined, 'float32');
}
