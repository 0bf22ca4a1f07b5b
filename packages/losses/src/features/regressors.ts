import { expectedError } from '@kd/core';
import type { FeaturePair, FeatureRef } from '../taps.ts';
import { type Projector, type ProjectorLayer, projector } from './projector.ts';

/**
 * What puts the student's features on the teacher's channels: a 1×1 convolution (of rows a linear
 * map) with what is named here, `{}` for nothing more;
 * `'none'` where both have as many channels.
 */
export type Regressor = Pick<ProjectorLayer, 'bias' | 'batchNorm' | 'relu'> | 'none';

/**
 * A regressor for each pair, `pair0`, `pair1` …. @throws RangeError where a tap does not know its
 * channels and there is to be a regressor.
 */
export function regressorsOf(
  caller: string,
  pairs: readonly FeaturePair[],
  regressor: Regressor,
  seed: number,
): readonly Projector[] {
  return pairs.map(({ student, teacher }, at) => {
    if (regressor === 'none') return { weights: {}, apply: (features) => features };
    const remedy = ", or regressor: 'none' where both have as many channels";
    const [from, to] = [channelsAt(caller, student, remedy), channelsAt(caller, teacher, remedy)];
    return projector([{ ...regressor, from, to }], { name: `pair${at}`, seed });
  });
}

/**
 * The channels at a tap of `featureRef`. @param remedy More that helps. @throws RangeError on a
 * name alone.
 */
export function channelsAt(caller: string, place: string | FeatureRef, remedy = ''): number {
  if (typeof place !== 'string') return place.channels;
  throw expectedError(
    caller,
    'a tap that knows its channels',
    `'${place}'`,
    `featureRef(network, '${place}') gives one${remedy}`,
  );
}
