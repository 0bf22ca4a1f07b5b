import { crossEntropyKind } from './crossEntropy.ts';
import { distKind } from './dist.ts';
import { dkdKind } from './dkd.ts';
import { infoNceKind } from './infoNce.ts';
import type { LossKind } from './kind.ts';
import { meanSquaredLogitsKind } from './meanSquaredLogits.ts';
import { mutualLearningKind } from './mutualLearning.ts';
import { nkdKind } from './nkd.ts';
import { relationKinds } from './relations.ts';
import { softTargetsKind } from './softTargets.ts';
import { meanLogitsKind, meanLossesKind } from './teachers.ts';
import { tutorialLossKind } from './tutorialLoss.ts';
import { weightedPairKind } from './weightedPair.ts';

/** What of `losses` and `edges` we implement. A new method is its file and its row here. */
export const lossKinds: readonly LossKind[] = [
  crossEntropyKind,
  distKind,
  dkdKind,
  infoNceKind,
  meanLogitsKind,
  meanLossesKind,
  meanSquaredLogitsKind,
  mutualLearningKind,
  nkdKind,
  ...relationKinds,
  softTargetsKind,
  tutorialLossKind,
  weightedPairKind,
];
