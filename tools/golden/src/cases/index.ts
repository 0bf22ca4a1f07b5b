import type { LossCase } from './case.ts';
import { contrastCases } from './contrast.ts';
import { featureCases } from './features.ts';
import { logitCases } from './logits.ts';
import { relationCases } from './relations.ts';
import { teacherCases } from './teachers.ts';

/**
 * The implemented kinds of entries of `losses` and `edges`. A new method is a row in one of these
 * tables.
 */
export const lossCases: readonly LossCase[] = [
  ...teacherCases,
  ...contrastCases,
  ...featureCases,
  ...logitCases,
  ...relationCases,
];
