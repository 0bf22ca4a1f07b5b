import type { Objective } from '@kd/core';
import { combine, crossEntropy, softTargets, tutorialLoss, weighted } from '@kd/losses';
import type { Distillation } from './config.ts';

/** A way to teach. */
export interface Method {
  /** Its usual one, taken where the method is named on the command line without a temperature. */
  readonly temperature: number;
  /** What the distilled student minimises. */
  readonly objective: (options: Distillation) => Objective;
}

/** What `--method` may name. One line adds one. */
export const methods = {
  'soft-targets': {
    temperature: 4,
    objective: ({ temperature, hard, soft }) => combine({ hard: weighted(hard, crossEntropy()), soft: weighted(soft, softTargets({ temperature })) }),
  },
  /** As printed, wrong mean and all: alpha is its own 0.5, whatever the preset's weights. */
  tutorial: { temperature: 1, objective: ({ temperature }) => combine({ tutorial: tutorialLoss({ temperature }) }) },
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof methods;
