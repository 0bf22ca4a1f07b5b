import { type MethodName, methods } from '@kd/cli';
import { ensure } from '@kd/core';
import { cifarResnet, resnet, tutorialCnn } from '@kd/models';
import { adam, sgd } from '@kd/trainer';
import type { StepOptions } from '../protocol.ts';
import { dataLoading, evaluation, trainingEpoch } from './epochs.ts';
import { cachedEpoch, decoding } from './files.ts';
import { resnet50Inference, tutorialBackbone, tutorialEvaluation } from './inference.ts';
import { inputGradient, matrixProduct, optimizerUpdate } from './kernels.ts';
import {
  cachedTeacherStep,
  classificationStep,
  distillationStep,
  methodStep,
  noTeacherStep,
  tutorialHeadStep,
} from './training.ts';
import { CLASSES, type Workload } from './workload.ts';

type Prepare = (options: StepOptions) => Workload | Promise<Workload>;

/** All steps by name; torch/steps.py has those of them that are compared. */
const workloads: Readonly<Record<string, Prepare>> = {
  'student-kd': (options) => distillationStep(tutorialCnn({ classes: CLASSES, seed: 0 }), options),
  tiny: (options) => distillationStep(tutorialCnn({ classes: CLASSES, seed: 0 }), options),
  'resnet20-kd': (options) =>
    distillationStep(
      cifarResnet({ depth: 20, shortcut: 'projection', classes: CLASSES, seed: 0 }),
      options,
    ),
  'resnet50-infer': resnet50Inference,
  'resnet50-train': (options) =>
    classificationStep(resnet({ depth: 50, stem: 'cifar', classes: CLASSES, seed: 0 }), options),
  'tutorial-body': tutorialBackbone,
  'tutorial-head': tutorialHeadStep,
  'tutorial-evaluating': tutorialEvaluation,
  'cached teacher': cachedTeacherStep,
  'without teacher': noTeacherStep,
  gemm: matrixProduct,
  adam: (options) => optimizerUpdate(adam(), 1e-3, options),
  sgd: (options) => optimizerUpdate(sgd({ momentum: 0.9, weightDecay: 5e-4 }), 0.1, options),
  'batches with crop and flip': dataLoading,
  'student, training': (options) => trainingEpoch(options, false),
  'student, distilling from a live teacher': (options) => trainingEpoch(options, true),
  'student, evaluating': evaluation,
  'images: decode': decoding,
  'images: cached': cachedEpoch,
  ...Object.fromEntries(
    (Object.keys(methods) as MethodName[]).map((method): [string, Prepare] => [
      `method ${method}`,
      (options) => methodStep(method, options),
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

/** Prepares a step. @throws RangeError on an unknown name. */
export async function prepareWorkload(options: StepOptions): Promise<Workload> {
  const prepare = workloads[options.step];
  ensure(
    prepare !== undefined,
    'bench',
    `a step among ${Object.keys(workloads).join(', ')}`,
    options.step,
  );
  return prepare(options);
}
