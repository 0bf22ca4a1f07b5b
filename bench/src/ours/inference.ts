import { compile, type Network, type Outputs } from '@kd/core';
import { fuseBatchNorm, profile, resnet, splitBackbone, tutorialCnn } from '@kd/models';
import * as tf from '@tensorflow/tfjs-core';
import type { StepOptions } from '../protocol.ts';
import { CLASSES, randomImages, type Workload } from './workload.ts';

/**
 * Logits of ResNet-50 for inference alone, its batch norm fused and its own weights freed. A step
 * returns the first logit.
 */
export function resnet50Inference({ batch, size }: StepOptions): Workload {
  const network = resnet({
    depth: 50,
    stem: 'imagenet',
    classes: 1000,
    seed: 0,
    prepare: { size: 'asGiven' },
  });
  const { flops } = profile(network, [size, size, 3]);
  const fused = fuseBatchNorm(network);
  return forwardPass(
    randomImages(batch, size),
    (images) => fused.forward(images, { training: false }).logits,
    batch * flops,
  );
}

/**
 * The features of the tutorial teacher's backbone, which resizes images of 32×32 to 224×224 itself:
 * they are cached once for every image.
 */
export function tutorialBackbone({ batch, size }: StepOptions): Workload {
  const teacher = tutorialTeacher();
  const { backbone } = splitBackbone(teacher);
  return forwardPass(
    randomImages(batch, size),
    (images) => backbone.forward(images)[backbone.end] as tf.Tensor,
    batch * profile(teacher, [size, size, 3]).flops,
  );
}

/** The tutorial's student, evaluated on images of 32×32. */
export function tutorialEvaluation({ batch, size }: StepOptions): Workload {
  const student: Network = tutorialCnn({ classes: CLASSES, seed: 0 });
  const forward = (images: tf.Tensor4D): Outputs => student.forward(images, { training: false });
  return forwardPass(
    randomImages(batch, size),
    (images) => forward(images).logits,
    batch * profile(student, [size, size, 3]).flops,
  );
}

/** The tutorial's teacher. */
export function tutorialTeacher() {
  return resnet({ depth: 50, stem: 'imagenet', classes: CLASSES, seed: 0 });
}

function forwardPass(
  images: tf.Tensor4D,
  forward: (images: tf.Tensor4D) => tf.Tensor,
  flops: number,
): Workload {
  const compiled = compile((batch: tf.Tensor4D) => tf.tidy(() => forward(batch)));
  return {
    flops,
    async run() {
      const output = await compiled.callAsync(images);
      const [first] = await output.data();
      output.dispose();
      return first as number;
    },
  };
}
