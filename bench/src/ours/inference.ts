import { compile, ensure } from '@kd/core';
import { countOperations, resnet } from '@kd/models';
import * as tf from '@tensorflow/tfjs-core';
import type { StepOptions } from '../protocol.ts';
import { pictures } from './inputs.ts';
import type { Prepared } from './prepare.ts';

/** Logits of ResNet-50 with its batch norm folded, as `evaluate` computes them. @returns The step; it gives the first logit. */
export function inferring({ batch, size }: StepOptions): Prepared {
  const network = resnet({ depth: 50, stem: 'imagenet', classes: 1000, seed: 0, prepare: { size: 'asGiven' } });
  const folded = network.folded?.();
  ensure(folded !== undefined, 'bench', 'a network that can be folded', network.name);
  const images = pictures(batch, size);
  const look = compile((images: tf.Tensor4D) => tf.tidy(() => folded.forward(images).logits));
  return {
    flops: batch * countOperations(network, [size, size, 3]).flops,
    async run() {
      const logits = await look.later(images);
      const [first] = await logits.data();
      logits.dispose();
      return first as number;
    },
  };
}
