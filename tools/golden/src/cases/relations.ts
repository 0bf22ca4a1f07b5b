import { expectedError, type LossInputs, type Outputs } from '@kd/core';
import {
  attentionTransfer,
  correlationCongruence,
  cwd,
  fsp,
  ickd,
  irg,
  irgEdges,
  kdSvd,
  nst,
  pkd,
  pkt,
  rkd,
  similarityPreserving,
} from '@kd/losses';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { JsonObject } from '../format/file.ts';
import { numberOf } from '../format/values.ts';
import { featureCase, featureStepOf, type LossCase } from './case.ts';

/** Methods on relations between examples, channels and layers. */
export const relationCases: readonly LossCase[] = [
  /** `AT, mode code`, `AT p=2 code`, `AT, mode paper`. */
  featureCase({
    method: 'attentionTransfer',
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
  }),
  /** `SP similarity preserving`, `SP on embeddings`. */
  featureCase({
    method: 'similarityPreserving',
    matches: ({ loss }) => /^SP\b/.test(loss),
    options: [],
    term: (_, pairs) => similarityPreserving(pairs),
  }),
  /** `RKD`, `RKD 25/50 on flattened maps`, `RKD on L2-normalised rows (25/50)`. */
  featureCase({
    method: 'rkd',
    matches: ({ loss }) => /^RKD\b/.test(loss),
    options: ['distanceWeight', 'angleWeight', 'normalise'],
    term: ({ loss, options }, pairs) => rkd(pairs, rkdOptions(loss, options)),
  }),
  /** `PKT`. */
  featureCase({
    method: 'pkt',
    matches: ({ loss }) => /^PKT\b/.test(loss),
    options: ['epsilon'],
    term: ({ options }, pairs) => pkt(pairs, { epsilon: numberOf(options, 'epsilon', 1e-7) }),
  }),
  /** `NST (polynomial kernel)`. */
  featureCase({
    method: 'nst',
    matches: ({ loss }) => /^NST\b/.test(loss),
    options: [],
    term: (_, pairs) => nst(pairs),
  }),
  /** `FSP`, of a list of layers. */
  featureCase({
    method: 'fsp',
    matches: ({ loss }) => /^FSP\b/.test(loss),
    options: [],
    term: (_, pairs) => fsp(pairs),
  }),
  /** `CC correlation congruence`, `CC, paper form: …`. */
  featureCase({
    method: 'correlationCongruence',
    matches: ({ loss }) => /^CC\b/.test(loss),
    options: ['gamma', 'order'],
    term({ loss, options }, pairs) {
      const isPaper =
        /\bpaper\b/.test(loss) || options.gamma !== undefined || options.order !== undefined;
      const kernel = {
        gamma: numberOf(options, 'gamma', 0.4),
        order: numberOf(options, 'order', 2),
      };
      return correlationCongruence(pairs, isPaper ? { kernel } : {});
    },
  }),
  /** `ICKD inter-channel correlation (no embedding)`. */
  featureCase({
    method: 'ickd',
    matches: ({ loss }) => /^ICKD\b/.test(loss),
    options: [],
    term: (_, pairs) => ickd(pairs),
  }),
  /** `CWD channel-wise divergence`. */
  featureCase({
    method: 'cwd',
    matches: ({ loss }) => /^CWD\b/.test(loss),
    options: ['tau'],
    term: ({ options }, pairs) => cwd(pairs, { temperature: numberOf(options, 'tau', 1) }),
  }),
  /** `PKD`, `PKD with the student resized bilinearly (…)`, `PKD with the teacher resized …`. */
  featureCase({
    method: 'pkd',
    matches: ({ loss }) => /^PKD\b/.test(loss),
    options: [],
    term: ({ loss }, pairs) =>
      pkd(pairs, { resize: /teacher resized/.test(loss) ? 'teacher' : 'student' }),
  }),
  /** `KDSVD`, of a list of layers; the sign convention is ours. */
  featureCase({
    method: 'kdSvd',
    matches: ({ loss }) => /^KDSVD\b/.test(loss),
    options: ['k', 'signConvention'],
    term: ({ options }, pairs) => kdSvd(pairs, { vectors: numberOf(options, 'k', 1) }),
  }),
  /** `IRG` of a list of features: maps in order, the embedding, the logits. */
  {
    method: 'irg',
    matches: ({ loss }) => /^IRG\b/.test(loss) && !/variant/.test(loss),
    options: ['vertex', 'edge', 'transformation'],
    value({ options }, roles) {
      const { step, pairs } = featureStepOf(roles);
      const [maps, embedding] = [pairs.slice(0, -2), pairs.at(-2)];
      if (embedding === undefined)
        throw expectedError('golden', 'maps, an embedding and logits', `${pairs.length} inputs`);
      const withLogits = (outputs: Outputs): Outputs => ({
        ...outputs,
        logits: outputs.features[String(pairs.length - 1)] as Tensor2D,
      });
      const whole: LossInputs = {
        ...step,
        student: withLogits(step.student),
        teacher: withLogits(step.teacher),
      };
      const weight = (name: string, fallback: number): number => numberOf(options, name, fallback);
      return irg(
        { maps, embedding },
        {
          vertex: weight('vertex', 0.1),
          edge: weight('edge', 5),
          transformation: weight('transformation', 5),
        },
      )(whole);
    },
  },
  /**
   * `IRG variant (graph + transform)` of a list of features: the embedding, then the layers; an odd
   * last one has no partner.
   */
  {
    method: 'irgEdges',
    matches: ({ loss }) => /^IRG\b.*\bvariant/.test(loss),
    options: ['graph', 'transformation'],
    value({ options }, roles) {
      const { step, pairs } = featureStepOf(roles);
      const [embedding, ...layers] = pairs;
      if (embedding === undefined)
        throw expectedError('golden', 'an embedding and layers', 'no inputs');
      const even = layers.slice(0, 2 * Math.floor(layers.length / 2));
      const weights = {
        graph: numberOf(options, 'graph', 1),
        transformation: numberOf(options, 'transformation', 1),
      };
      return irgEdges({ embedding, layers: even }, weights)(step);
    },
  },
];

function rkdOptions(loss: string, options: JsonObject) {
  const [, distance = '25', angle = '50'] = /(\d+)\/(\d+)/.exec(loss) ?? [];
  return {
    distanceWeight: numberOf(options, 'distanceWeight', Number(distance)),
    angleWeight: numberOf(options, 'angleWeight', Number(angle)),
    normalize: options.normalise === true,
  };
}
