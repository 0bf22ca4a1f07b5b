import { linear, type Objective } from '@kd/core';
import { combine, crossEntropy, weighted } from '@kd/losses';
import type { Distillation } from '../config.ts';
import { featureMethods } from './features.ts';
import { logitMethods } from './logits.ts';
import type { Classroom, Method } from './method.ts';
import { channelMethods, relationMethods } from './relations.ts';
import { schemes } from './schemes.ts';

/** What `--method` may name. */
export const methods = {
  ...logitMethods,
  ...featureMethods,
  ...relationMethods,
  ...channelMethods,
  ...schemes,
} as const;

export type MethodName = keyof typeof methods;

/** The entry, with its optional fields readable. */
export function methodOf(name: MethodName): Method {
  return methods[name];
}

/** What the distilled student minimises. */
export function objectiveOf(distillation: Distillation, classroom: Classroom): Objective {
  const { name = 'soft', linearWarmup, until, term } = methodOf(distillation.method);
  const { hard, soft, temperature = 1 } = distillation;
  const made = weighted(
    weightOf(soft, linearWarmup, until),
    term({ ...distillation, temperature }, classroom),
  );
  return combine(
    hard === 0 ? { [name]: made } : { hard: weighted(hard, crossEntropy()), [name]: made },
  );
}

function weightOf(weight: number, linearWarmup: number | undefined, until: number | undefined) {
  if (until !== undefined) return (progress: number) => (progress < until ? weight : 0);
  if (linearWarmup === undefined) return weight;
  const growing = linear({ from: 0, to: weight });
  return (progress: number) => growing(Math.min(1, progress / linearWarmup));
}
