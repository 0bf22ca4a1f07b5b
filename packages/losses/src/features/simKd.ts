import type { LossTerm } from '@kd/core';
import type { FeaturePair } from '../taps.ts';
import { hints } from './hints.ts';

/**
 * SimKD: the student's projected features against the teacher's last ones, their mean square, and
 * nothing else; the teacher's own classifier then makes the
 * student's logits. The student is `simKdStudent(student, …)` of @kd/models, which has the
 * projector, the classifier and the tap `projected`:
 *
 *     combine({ features: simKd({ student: 'projected', teacher: 'stage3' }) })
 *
 * The teacher's maps are averaged to the student's size where they are larger.
 * See also `hints`, whose regressor is thrown away after the training.
 * Source: Chen et al., "Knowledge distillation with the reused teacher classifier" (2022), section
 * 3.
 */
export function simKd(pair: FeaturePair): LossTerm {
  return hints(pair, { regressor: 'none' });
}
