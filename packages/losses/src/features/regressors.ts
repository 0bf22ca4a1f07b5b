import { unexpected } from '@kd/core';
import type { TapPair, TapPoint } from '../taps.ts';
import { type Connector, type ConnectorLayer, connector } from './connector.ts';

/**
 * What puts the student's features on the teacher's channels: a 1×1 convolution (of rows a linear map) with what is named here, `{}` for nothing more;
 * `'none'` where both have as many channels.
 */
export type Regressor = Pick<ConnectorLayer, 'bias' | 'batchNorm' | 'relu'> | 'none';

/** A regressor for each pair, `pair0`, `pair1` …. @throws RangeError where a tap does not know its channels and there is to be a regressor. */
export function regressorsOf(where: string, pairs: readonly TapPair[], regressor: Regressor, seed: number): readonly Connector[] {
  return pairs.map(({ student, teacher }, at) => {
    if (regressor === 'none') return { weights: {}, apply: (features) => features };
    const remedy = ", or regressor: 'none' where both have as many channels";
    const [from, to] = [channelsAt(where, student, remedy), channelsAt(where, teacher, remedy)];
    return connector([{ ...regressor, from, to }], { name: `pair${at}`, seed });
  });
}

/** The channels at a tap of `tapOf`. @param remedy More that helps. @throws RangeError on a name alone. */
export function channelsAt(where: string, place: string | TapPoint, remedy = ''): number {
  if (typeof place !== 'string') return place.channels;
  throw unexpected(where, 'a tap that knows its channels', `'${place}'`, `tapOf(network, '${place}') gives one${remedy}`);
}
