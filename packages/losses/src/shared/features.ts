import {
  ensure,
  expectedError,
  type FeatureInfo,
  type LossTerm,
  type Network,
  type Outputs,
} from '@kd/core';
import type { Scalar, Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { requireTeacher } from './checks.ts';

/**
 * A feature of a network by its name, with its channels and stride, which a method with weights of
 * its own has to know.
 */
export interface FeatureRef extends FeatureInfo {
  readonly name: string;
}

/** A feature of the student and the feature of the teacher that it is compared with. */
export interface FeaturePair<Ref extends string | FeatureRef = string | FeatureRef> {
  readonly student: Ref;
  readonly teacher: Ref;
}

/**
 * Returns a feature of a network: `hints({ student: featureRef(student, 'stage2'), teacher:
 * featureRef(teacher, 'stage2') })`.
 * @throws RangeError if the network has none of that name.
 */
export function featureRef(
  { name: owner = 'the network', featureInfo = {} }: Pick<Network, 'name' | 'featureInfo'>,
  name: string,
): FeatureRef {
  const info = Object.hasOwn(featureInfo, name) ? featureInfo[name] : undefined;
  if (info === undefined)
    throw expectedError(
      'featureRef',
      `a feature of ${owner} among ${Object.keys(featureInfo).join(', ') || 'none'}`,
      name,
    );
  return { name, ...info };
}

/**
 * Returns a feature by its name: maps [batch, height, width, channels] or vectors [batch,
 * channels].
 * @throws RangeError if the outputs have none of that name.
 */
export function featureAt(caller: string, outputs: Outputs, ref: string | FeatureRef): Tensor {
  const name = typeof ref === 'string' ? ref : ref.name;
  const feature = Object.hasOwn(outputs.features, name) ? outputs.features[name] : undefined;
  if (feature === undefined) {
    const known = Object.keys(outputs.features).join(', ') || 'none';
    throw expectedError(
      caller,
      `a feature '${name}'`,
      `features ${known}`,
      'name one of the features of the network; cached logits have none',
    );
  }
  return feature;
}

/**
 * Returns the maps of a feature.
 * @throws RangeError if it holds vectors.
 */
export function mapsAt(caller: string, outputs: Outputs, ref: string | FeatureRef): Tensor4D {
  const feature = featureAt(caller, outputs, ref);
  ensure(
    feature.rank === 4,
    caller,
    'maps [batch, height, width, channels]',
    `a feature of shape [${feature.shape.join(', ')}]`,
  );
  return feature as Tensor4D;
}

/**
 * Returns a feature as vectors [batch, channels]; maps are averaged over their pixels. To be called
 * in a tidy.
 */
export function rowsAt(caller: string, outputs: Outputs, ref: string | FeatureRef): Tensor2D {
  const feature = featureAt(caller, outputs, ref);
  const { rank } = feature;
  ensure(
    rank === 2 || rank === 4,
    caller,
    'rows [batch, channels] or maps [batch, height, width, channels]',
    `a feature of rank ${rank}`,
  );
  return rank === 2 ? (feature as Tensor2D) : tf.mean<Tensor2D>(feature, [1, 2]);
}

/**
 * Returns the number of channels of a `featureRef`.
 * @param remedy A further remedy for the error.
 * @throws RangeError for a plain name.
 */
export function channelsAt(caller: string, ref: string | FeatureRef, remedy = ''): number {
  if (typeof ref !== 'string') return ref.channels;
  throw expectedError(
    caller,
    'a feature with its channels',
    `'${ref}'`,
    `featureRef(network, '${ref}') gives one${remedy}`,
  );
}

/** Returns one pair or several as a list that is not empty. */
export function toPairs<Pair>(caller: string, pairs: Pair | readonly Pair[]): readonly Pair[] {
  const list = Array.isArray(pairs) ? (pairs as readonly Pair[]) : [pairs as Pair];
  ensure(list.length > 0, caller, 'at least one pair of features', 'none');
  return list;
}

/**
 * Creates a term that sums a loss over pairs of features.
 * @param take `mapsAt` or `featureAt`.
 */
export function featureTerm<Feature extends Tensor>(
  caller: string,
  pairs: FeaturePair | readonly FeaturePair[],
  take: (caller: string, outputs: Outputs, ref: FeaturePair['student']) => Feature,
  loss: (student: Feature, teacher: Feature) => Scalar,
): LossTerm {
  return featuresTerm(caller, pairs, take, (student, teacher) =>
    tf.addN(student.map((feature, at) => loss(feature, teacher[at] as Feature))),
  );
}

/** Creates a term from a loss of all features at once, in the order of the pairs. */
export function featuresTerm<Feature extends Tensor>(
  caller: string,
  pairs: FeaturePair | readonly FeaturePair[],
  take: (caller: string, outputs: Outputs, ref: FeaturePair['student']) => Feature,
  loss: (student: readonly Feature[], teacher: readonly Feature[]) => Scalar,
): LossTerm {
  const list = toPairs<FeaturePair>(caller, pairs);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const teacherOutputs = requireTeacher(caller, step);
      return loss(
        list.map(({ student }) => take(caller, step.student, student)),
        list.map(({ teacher }) => take(caller, teacherOutputs, teacher)),
      );
    });
  return Object.assign(term, { needsTeacher: true });
}
