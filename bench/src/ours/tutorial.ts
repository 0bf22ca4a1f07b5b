import { type Batch, compile, type Network, type Outputs } from '@kd/core';
import { combine, crossEntropy } from '@kd/losses';
import { profile, resnet, splitBackbone, tutorialCnn } from '@kd/models';
import { adam } from '@kd/trainer';
import * as tf from '@tensorflow/tfjs-core';
import type { StepOptions } from '../protocol.ts';
import { CLASSES, fixedBatch, pictures } from './inputs.ts';
import type { Prepared } from './prepare.ts';
import { training } from './training.ts';

/**
 * The teacher's body looks at pictures of 32×32, which it makes 224×224 itself: what is recorded of
 * every picture once.
 */
export function tutorialBody({ batch, size }: StepOptions): Prepared {
  const teacher = teacherNetwork();
  const { backbone: body } = splitBackbone(teacher);
  const flops = batch * profile(teacher, [size, size, 3]).flops;
  return looking(
    pictures(batch, size),
    (images) => body.forward(images)[body.end] as tf.Tensor,
    flops,
  );
}

/** The new head learns from what the body said. */
export function tutorialHead({ batch }: StepOptions): Promise<Prepared> {
  const { head } = splitBackbone(teacherNetwork());
  const features: Batch = {
    ...fixedBatch(batch, 1),
    images: tf.randomUniform<tf.Rank.R4>([batch, 1, 1, 2048], 0, 1, 'float32', 0),
  };
  return training(
    {
      student: head,
      objective: combine({ hard: crossEntropy() }),
      optimizer: adam(),
      learningRate: 1e-3,
    },
    features,
  );
}

/** The student says what it thinks of pictures of 32×32. */
export function tutorialEvaluating({ batch, size }: StepOptions): Prepared {
  const student: Network = tutorialCnn({ classes: CLASSES, seed: 0 });
  const look = (images: tf.Tensor4D): Outputs => student.forward(images, { training: false });
  return looking(
    pictures(batch, size),
    (images) => look(images).logits,
    batch * profile(student, [size, size, 3]).flops,
  );
}

function teacherNetwork() {
  return resnet({ depth: 50, stem: 'imagenet', classes: CLASSES, seed: 0 });
}

function looking(
  images: tf.Tensor4D,
  look: (images: tf.Tensor4D) => tf.Tensor,
  flops: number,
): Prepared {
  const compiled = compile((given: tf.Tensor4D) => tf.tidy(() => look(given)));
  return {
    flops,
    async run() {
      const said = await compiled.callAsync(images);
      const [first] = await said.data();
      said.dispose();
      return first as number;
    },
  };
}
