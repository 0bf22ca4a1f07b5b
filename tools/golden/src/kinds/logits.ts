import { distKind } from './dist.ts';
import { dkdKind } from './dkd.ts';
import type { LossKind } from './kind.ts';
import { standardisedDkdKind, standardisedSoftTargetsKind } from './logitStandardisation.ts';
import { meanSquaredLogitsKind } from './meanSquaredLogits.ts';
import { batchCorrelationKind, classCorrelationKind, multiLevelLogitsKind } from './multiLevelLogits.ts';
import { nkdKind } from './nkd.ts';
import { uskdKind } from './uskd.ts';

/** Methods on logits. */
export const logitKinds: readonly LossKind[] = [
  batchCorrelationKind,
  classCorrelationKind,
  distKind,
  dkdKind,
  meanSquaredLogitsKind,
  multiLevelLogitsKind,
  nkdKind,
  standardisedDkdKind,
  standardisedSoftTargetsKind,
  uskdKind,
];
