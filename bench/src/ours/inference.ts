import { compile } from '@kd/core';
import { fuseBatchNorm, profile, resnet } from '@kd/models';
import * as tf from '@tensorflow/tfjs-core';
import type { StepOptions } from '../protocol.ts';
import { pictures } from './inputs.ts';
import type { Prepared } from './prepare.ts';

/**
 * Logits of ResNet-50 for inference alone, its batch norm folded and its own weights gone, as of a
 * teacher that is only asked. @returns The step; it gives the first logit.
 */
export function inferring({ batch, size }: StepOptions): Prepared {
  const network = resnet({
    depth: 50,
    stem: 'imagenet',
    classes: 1000,
    seed: 0,
    prepare: { size: 'asGiven' },
  });
  const { flops } = profile(network, [size, size, 3]);
  const teacher = fuseBatchNorm(network);
  const images = pictures(batch, size);
  const look = compile((images: tf.Tensor4D) =>
    tf.tidy(() => teacher.forward(images, { training: false }).logits),
  );
  return {
    flops: batch * flops,
    async run() {
      const logits = await look.callAsync(images);
      const [first] = await logits.data();
      logits.dispose();
      return first as number;
    },
  };
}
