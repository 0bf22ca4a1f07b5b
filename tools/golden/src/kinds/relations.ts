import type { LossTerm } from '@kd/core';
import { attentionTransfer, probabilisticTransfer, relational, similarityPreserving, type TapPair } from '@kd/losses';
import type { JsonObject, LossEntry } from '../file.ts';
import { numberOf } from '../values.ts';
import { featureStepOf } from './featureStep.ts';
import type { LossKind } from './kind.ts';

/** A kind that is a term of pairs of features. */
function featuresKind(kind: Pick<LossKind, 'matches' | 'options'> & { term(entry: LossEntry, pairs: readonly TapPair[]): LossTerm }): LossKind {
  return {
    ...kind,
    value(entry, roles) {
      const { step, pairs } = featureStepOf(roles);
      return kind.term(entry, pairs)(step);
    },
  };
}

/** `AT, mode code`, `AT p=2 code`, `AT, mode paper`. */
const attentionTransferKind = featuresKind({
  matches: ({ loss }) => /^AT\b/.test(loss),
  options: ['p', 'mode'],
  term: ({ loss, options }, pairs) => {
    const isPaper = options.mode === 'paper' || (options.mode === undefined && /\bpaper\b/.test(loss));
    return attentionTransfer(pairs, { power: numberOf(options, 'p', 2), distance: isPaper ? 'length' : 'mean square' });
  },
});

/** `SP similarity preserving`, `SP on embeddings`. */
const similarityPreservingKind = featuresKind({
  matches: ({ loss }) => /^SP\b/.test(loss),
  options: [],
  term: (_, pairs) => similarityPreserving(pairs),
});

/** `RKD`, `RKD 25/50 on flattened maps`, `RKD on L2-normalised rows (25/50)`. */
const relationalKind = featuresKind({
  matches: ({ loss }) => /^RKD\b/.test(loss),
  options: ['distanceWeight', 'angleWeight', 'normalise'],
  term: ({ loss, options }, pairs) => relational(pairs, relationalOptions(loss, options)),
});

function relationalOptions(loss: string, options: JsonObject) {
  const [, distance = '25', angle = '50'] = /(\d+)\/(\d+)/.exec(loss) ?? [];
  return {
    distanceWeight: numberOf(options, 'distanceWeight', Number(distance)),
    angleWeight: numberOf(options, 'angleWeight', Number(angle)),
    normalise: options.normalise === true,
  };
}

/** `PKT`. */
const probabilisticTransferKind = featuresKind({
  matches: ({ loss }) => /^PKT\b/.test(loss),
  options: ['epsilon'],
  term: ({ options }, pairs) => probabilisticTransfer(pairs, { epsilon: numberOf(options, 'epsilon', 1e-7) }),
});

/** Methods of relations between examples, channels and layers that have no weights of their own. */
export const relationKinds: readonly LossKind[] = [attentionTransferKind, similarityPreservingKind, relationalKind, probabilisticTransferKind];
