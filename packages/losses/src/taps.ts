import { ensure, expectedError, type FeatureInfo, type Network, type Outputs } from '@kd/core';
import { mean, type Tensor, type Tensor2D, type Tensor4D } from '@tensorflow/tfjs-core';

/**
 * A tap by its name, with what its network says of it: what a method with weights of its own has to
 * know.
 */
export interface FeatureRef extends FeatureInfo {
  readonly name: string;
}

/** Which feature of the student learns from which of the teacher. */
export interface FeaturePair<Place extends string | FeatureRef = string | FeatureRef> {
  readonly student: Place;
  readonly teacher: Place;
}

/**
 * A tap of a network: `hints({ student: featureRef(student, 'stage2'), teacher: featureRef(teacher,
 * 'stage2') })`. @throws RangeError where it has none of that name.
 */
export function featureRef(
  { name: of = 'the network', featureInfo: taps = {} }: Pick<Network, 'name' | 'featureInfo'>,
  name: string,
): FeatureRef {
  const tap = Object.hasOwn(taps, name) ? taps[name] : undefined;
  if (tap === undefined)
    throw expectedError(
      'featureRef',
      `a tap of ${of} among ${Object.keys(taps).join(', ') || 'none'}`,
      name,
    );
  return { name, ...tap };
}

/**
 * The feature at a tap: maps [batch, height, width, channels] or rows [batch, channels]. @throws
 * RangeError where the network gives none of that name.
 */
export function featureAt(caller: string, outputs: Outputs, place: string | FeatureRef): Tensor {
  const name = typeof place === 'string' ? place : place.name;
  const feature = Object.hasOwn(outputs.features, name) ? outputs.features[name] : undefined;
  if (feature === undefined) {
    const known = Object.keys(outputs.features).join(', ') || 'none';
    throw expectedError(
      caller,
      `a feature '${name}'`,
      `features ${known}`,
      'name one of the taps of the network; a recorded teacher has none',
    );
  }
  return feature;
}

/** The maps at a tap. @throws RangeError where it holds rows. */
export function mapsAt(caller: string, outputs: Outputs, place: string | FeatureRef): Tensor4D {
  const feature = featureAt(caller, outputs, place);
  ensure(
    feature.rank === 4,
    caller,
    'maps [batch, height, width, channels]',
    `a feature of shape [${feature.shape.join(', ')}]`,
  );
  return feature as Tensor4D;
}

/**
 * The feature at a tap as rows [batch, channels]: of maps the mean over their pixels. Call it in a
 * tidy.
 */
export function rowsAt(caller: string, outputs: Outputs, place: string | FeatureRef): Tensor2D {
  const feature = featureAt(caller, outputs, place);
  const { rank } = feature;
  ensure(
    rank === 2 || rank === 4,
    caller,
    'rows [batch, channels] or maps [batch, height, width, channels]',
    `a feature of rank ${rank}`,
  );
  return rank === 2 ? (feature as Tensor2D) : mean<Tensor2D>(feature, [1, 2]);
}

/** One pair or several, as a list that is not empty. */
export function pairsOf<Pair>(caller: string, pairs: Pair | readonly Pair[]): readonly Pair[] {
  const list = Array.isArray(pairs) ? (pairs as readonly Pair[]) : [pairs as Pair];
  ensure(list.length > 0, caller, 'one pair of taps or more', 'none');
  return list;
}
