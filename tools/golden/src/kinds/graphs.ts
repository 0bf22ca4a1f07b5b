import { expectedError, type LossInputs, type Outputs } from '@kd/core';
import { irg, irgEdges } from '@kd/losses';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import { numberOf } from '../values.ts';
import { featureStepOf } from './featureStep.ts';
import type { LossKind } from './kind.ts';

/** `IRG` of a list of features: maps in order, the embedding, the logits. */
const instanceGraphKind: LossKind = {
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
};

/**
 * `IRG variant (graph + transform)` of a list of features: the embedding, then the layers; an odd
 * last one has no partner.
 */
const edgeGraphKind: LossKind = {
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
};

/** Both forms of the instance relationship graph. */
export const graphKinds: readonly LossKind[] = [edgeGraphKind, instanceGraphKind];
