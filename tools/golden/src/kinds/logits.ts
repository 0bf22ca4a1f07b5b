import { curriculumTemperatureKind } from './curriculumTemperature.ts';
import { distKind } from './dist.ts';
import { dkdKind } from './dkd.ts';
import type { LossKind } from './kind.ts';
import { standardisedDkdKind, standardisedSoftTargetsKind } from './logitStandardisation.ts';
import { meanSquaredLogitsKind } from './meanSquaredLogits.ts';
import {
  batchCorrelationKind,
  classCorrelationKind,
  multiLevelLogitsKind,
} from './multiLevelLogits.ts';
import { nkdKind } from './nkd.ts';
import { csKdKind, pskdKind } from './selfDistillation.ts';
import { selfTrainingKind, virtualTeacherKind } from './teacherFree.ts';
import { uskdKind } from './uskd.ts';
import { wsldKind } from './wsld.ts';

/** Methods on logits. */
export const logitKinds: readonly LossKind[] = [
  batchCorrelationKind,
  classCorrelationKind,
  csKdKind,
  curriculumTemperatureKind,
  distKind,
  dkdKind,
  meanSquaredLogitsKind,
  multiLevelLogitsKind,
  nkdKind,
  pskdKind,
  selfTrainingKind,
  standardisedDkdKind,
  standardisedSoftTargetsKind,
  uskdKind,
  virtualTeacherKind,
  wsldKind,
];
