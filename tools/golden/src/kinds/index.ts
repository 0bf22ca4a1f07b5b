import { contrastLossKind } from './contrastLoss.ts';
import { crdKind } from './crd.ts';
import { crossEntropyKind } from './crossEntropy.ts';
import { featureKinds } from './features.ts';
import { graphKinds } from './graphs.ts';
import { infoNceKind } from './infoNce.ts';
import type { LossKind } from './kind.ts';
import { logitKinds } from './logits.ts';
import { mutualLearningKind } from './mutualLearning.ts';
import { relationKinds } from './relations.ts';
import { softTargetsKind } from './softTargets.ts';
import { meanLogitsKind, meanLossesKind, meanProbabilitiesKind } from './teachers.ts';
import { tutorialLossKind } from './tutorialLoss.ts';
import { weightedPairKind } from './weightedPair.ts';

/** What of `losses` and `edges` we implement. A new method is its file and its row here. */
export const lossKinds: readonly LossKind[] = [
  contrastLossKind,
  crdKind,
  crossEntropyKind,
  ...featureKinds,
  infoNceKind,
  ...logitKinds,
  meanLogitsKind,
  meanLossesKind,
  meanProbabilitiesKind,
  mutualLearningKind,
  ...graphKinds,
  ...relationKinds,
  softTargetsKind,
  tutorialLossKind,
  weightedPairKind,
];
