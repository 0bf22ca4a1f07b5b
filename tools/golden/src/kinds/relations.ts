import type { LossTerm } from '@kd/core';
import {
  attentionTransfer,
  correlationCongruence,
  cwd,
  type FeaturePair,
  fsp,
  ickd,
  kdSvd,
  nst,
  pkd,
  pkt,
  rkd,
  similarityPreserving,
} from '@kd/losses';
import type { JsonObject, LossEntry } from '../file.ts';
import { numberOf } from '../values.ts';
import { featureStepOf } from './featureStep.ts';
import type { LossKind } from './kind.ts';

/** A kind that is a term of pairs of features. */
function featuresKind(
  kind: Pick<LossKind, 'matches' | 'options'> & {
    term(entry: LossEntry, pairs: readonly FeaturePair[]): LossTerm;
  },
): LossKind {
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
    const isPaper =
      options.mode === 'paper' || (options.mode === undefined && /\bpaper\b/.test(loss));
    return attentionTransfer(pairs, {
      power: numberOf(options, 'p', 2),
      distance: isPaper ? 'length' : 'mean square',
    });
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
  term: ({ loss, options }, pairs) => rkd(pairs, relationalOptions(loss, options)),
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
  term: ({ options }, pairs) => pkt(pairs, { epsilon: numberOf(options, 'epsilon', 1e-7) }),
});

/** `NST (polynomial kernel)`. */
const neuronSelectivityKind = featuresKind({
  matches: ({ loss }) => /^NST\b/.test(loss),
  options: [],
  term: (_, pairs) => nst(pairs),
});

/** `FSP`, of a list of layers. */
const flowOfSolutionKind = featuresKind({
  matches: ({ loss }) => /^FSP\b/.test(loss),
  options: [],
  term: (_, pairs) => fsp(pairs),
});

/** `CC correlation congruence`, `CC, paper form: …`. */
const correlationCongruenceKind = featuresKind({
  matches: ({ loss }) => /^CC\b/.test(loss),
  options: ['gamma', 'order'],
  term({ loss, options }, pairs) {
    const isPaper =
      /\bpaper\b/.test(loss) || options.gamma !== undefined || options.order !== undefined;
    const kernel = { gamma: numberOf(options, 'gamma', 0.4), order: numberOf(options, 'order', 2) };
    return correlationCongruence(pairs, isPaper ? { kernel } : {});
  },
});

/** `ICKD inter-channel correlation (no embedding)`. */
const interChannelCorrelationKind = featuresKind({
  matches: ({ loss }) => /^ICKD\b/.test(loss),
  options: [],
  term: (_, pairs) => ickd(pairs),
});

/** `CWD channel-wise divergence`. */
const channelWiseKind = featuresKind({
  matches: ({ loss }) => /^CWD\b/.test(loss),
  options: ['tau'],
  term: ({ options }, pairs) => cwd(pairs, { temperature: numberOf(options, 'tau', 1) }),
});

/** `PKD`, `PKD with the student resized bilinearly (…)`, `PKD with the teacher resized …`. */
const pearsonKind = featuresKind({
  matches: ({ loss }) => /^PKD\b/.test(loss),
  options: [],
  term: ({ loss }, pairs) =>
    pkd(pairs, { resize: /teacher resized/.test(loss) ? 'teacher' : 'student' }),
});

/** `KDSVD`, of a list of layers; the sign convention is ours. */
const singularVectorsKind = featuresKind({
  matches: ({ loss }) => /^KDSVD\b/.test(loss),
  options: ['k', 'signConvention'],
  term: ({ options }, pairs) => kdSvd(pairs, { vectors: numberOf(options, 'k', 1) }),
});

/** Methods of relations between examples, channels and layers that have no weights of their own. */
export const relationKinds: readonly LossKind[] = [
  attentionTransferKind,
  channelWiseKind,
  correlationCongruenceKind,
  flowOfSolutionKind,
  interChannelCorrelationKind,
  neuronSelectivityKind,
  pearsonKind,
  probabilisticTransferKind,
  relationalKind,
  similarityPreservingKind,
  singularVectorsKind,
];
