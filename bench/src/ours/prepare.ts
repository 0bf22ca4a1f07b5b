import { type MethodName, methods } from '@kd/cli';
import { ensure } from '@kd/core';
import { cifarResnet, resnet, tutorialCnn } from '@kd/models';
import { adam, sgd } from '@kd/trainer';
import type { StepOptions } from '../protocol.ts';
import { withoutTeacher, withRecording } from './cached.ts';
import { inferring } from './inference.ts';
import { inputGradient } from './inputGradient.ts';
import { CLASSES } from './inputs.ts';
import { taughtBy } from './method.ts';
import { dealing, epochs, evaluating } from './passes.ts';
import { product } from './product.ts';
import { classifying, distilling } from './training.ts';
import { tutorialBody, tutorialEvaluating, tutorialHead } from './tutorial.ts';
import { updating } from './updating.ts';

/** A step of ours, ready to run. */
export interface Prepared {
  /** Runs it once and reads one number of the result back. */
  readonly run: () => Promise<number>;
  /** Floating-point operations of one step. */
  readonly flops?: number;
}

type Prepare = (options: StepOptions) => Prepared | Promise<Prepared>;

const preparations: Readonly<Record<string, Prepare>> = {
  'student-kd': (options) => distilling(tutorialCnn({ classes: CLASSES, seed: 0 }), options),
  tiny: (options) => distilling(tutorialCnn({ classes: CLASSES, seed: 0 }), options),
  'resnet20-kd': (options) =>
    distilling(
      cifarResnet({ depth: 20, shortcut: 'projection', classes: CLASSES, seed: 0 }),
      options,
    ),
  'resnet50-infer': inferring,
  'resnet50-train': (options) =>
    classifying(resnet({ depth: 50, stem: 'cifar', classes: CLASSES, seed: 0 }), options),
  'tutorial-body': tutorialBody,
  'tutorial-head': tutorialHead,
  'tutorial-evaluating': tutorialEvaluating,
  cached: withRecording,
  'without teacher': withoutTeacher,
  gemm: product,
  adam: (options) => updating(adam(), 1e-3, options),
  sgd: (options) => updating(sgd({ momentum: 0.9, weightDecay: 5e-4 }), 0.1, options),
  'batches with crop and flip': dealing,
  'student, training': (options) => epochs(options, false),
  'student, distilling from a live teacher': (options) => epochs(options, true),
  'student, evaluating': evaluating,
  ...Object.fromEntries(
    (Object.keys(methods) as MethodName[]).map((method): [string, Prepare] => [
      `method ${method}`,
      (options) => taughtBy(method, options),
    ]),
  ),
  ...Object.fromEntries(
    [16, 64].flatMap((channels) =>
      ['', "upstream's "].map((whose): [string, Prepare] => [
        `${whose}input gradient of ${channels} channels`,
        (options) => inputGradient(channels, options),
      ]),
    ),
  ),
};

/** @throws RangeError on a step that is not there. */
export async function prepare(options: StepOptions): Promise<Prepared> {
  const known = preparations[options.step];
  ensure(
    known !== undefined,
    'bench',
    `a step among ${Object.keys(preparations).join(', ')}`,
    options.step,
  );
  return known(options);
}
