import { crossEntropyKind } from './crossEntropy.ts';
import type { LossKind } from './kind.ts';
import { mutualLearningKind } from './mutualLearning.ts';
import { softTargetsKind } from './softTargets.ts';
import { meanLogitsKind, meanLossesKind } from './teachers.ts';
import { tutorialLossKind } from './tutorialLoss.ts';
import { weightedPairKind } from './weightedPair.ts';

/** What of `losses` and `edges` we implement. A new method is its file and its row here. */
export const lossKinds: readonly LossKind[] = [
  crossEntropyKind,
  meanLogitsKind,
  meanLossesKind,
  mutualLearningKind,
  softTargetsKind,
  tutorialLossKind,
  weightedPairKind,
];
