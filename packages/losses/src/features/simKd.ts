import type { LossTerm } from '@kd/core';
import type { FeaturePair } from '../shared/features.ts';
import { hints } from './hints.ts';

/**
 * SimKD, which is `hints` without a regressor: the mean squared error between the student's
 * projected features and the teacher's last ones, and nothing else. The teacher's own classifier
 * then computes the student's logits. The student is `simKdStudent(student, …)` of @kd/models,
 * which has the projector, the classifier and the feature `projected`:
 *
 *     combine({ features: simKd({ student: 'projected', teacher: 'stage3' }) })
 *
 * The teacher's maps are averaged down to the student's size if they are larger.
 * See also `hints`, whose regressor is discarded after training.
 * Source: Chen et al., "Knowledge distillation with the reused teacher classifier" (2022), section
 * 3.
 */
export function simKd(pair: FeaturePair): LossTerm {
  return hints(pair, { regressor: 'none' });
}
