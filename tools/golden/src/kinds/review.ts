import { attentionFusion, hierarchicalContextPerExample } from '@kd/losses';
import type { Scalar, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { numberOf, numbersOf } from '../values.ts';
import { withModule } from './connectedTerm.ts';
import type { LossKind } from './kind.ts';

/**
 * `ReviewKD hcl_loss`, `ReviewKD hierarchical context loss`, `ReviewKD hcl_loss over two stages
 * (sum)`, `HCL, zero student map`.
 */
const hierarchicalContextKind: LossKind = {
  matches: ({ loss }) => /^(ReviewKD (hcl|hierarchical)|HCL\b)/.test(loss),
  options: ['levels'],
  value({ options }, roles) {
    const levels = options.levels === undefined ? [4, 2, 1] : numbersOf(options, 'levels');
    const teacher = roles.tensors('teacher') as Tensor4D[];
    const stages = roles.tensors('student').map((student, at) => {
      return tf.mean(
        hierarchicalContextPerExample(student as Tensor4D, teacher[at] as Tensor4D, { levels }),
      );
    });
    return tf.addN(stages) as Scalar;
  },
};

/** `ReviewKD ABF fusion block then hcl_loss`. */
const fusionKind: LossKind = {
  matches: ({ loss }) => /^ReviewKD ABF\b/.test(loss),
  options: ['inChannels', 'midChannels', 'outChannels', 'fuse'],
  value(entry, roles) {
    const { options } = entry;
    const [from, middle, to] = ['inChannels', 'midChannels', 'outChannels'].map((name) =>
      numberOf(options, name),
    ) as [number, number, number];
    const fuses = options.fuse !== false;
    const [student, teacher] = [roles.tensor('student'), roles.tensor('teacher')] as [
      Tensor4D,
      Tensor4D,
    ];
    return withModule(entry, attentionFusion({ from, middle, to, fuses }), (block) => {
      const deeper = fuses ? (roles.tensor('residual') as Tensor4D) : undefined;
      const { output } = block.apply(student, deeper, [teacher.shape[1], teacher.shape[2]]);
      return tf.mean(hierarchicalContextPerExample(output, teacher)) as Scalar;
    });
  },
};

export const reviewKinds: readonly LossKind[] = [hierarchicalContextKind, fusionKind];
