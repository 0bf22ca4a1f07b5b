import type { StepOptions } from './protocol.ts';
import type { Forms } from './variants.ts';

/** How many times as fast as PyTorch a step of ours wants to be. */
export interface Goals {
  readonly asInstalled: number;
  /** Against the fastest of all its variants. */
  readonly best: number;
}

/** A step that ours and PyTorch's run alike. */
export interface ComparedStep extends StepOptions {
  readonly title: string;
  readonly forms: Forms;
  /** Whether a step is a batch of images. */
  readonly hasImages: boolean;
  readonly goals?: Goals;
  /** That one step wants to take at most, in ms. */
  readonly markMs?: number;
}

const network = { forms: 'network', hasImages: true } as const;
const optimizer = { forms: 'optimizer', hasImages: false, batch: 1, size: 1024 } as const;

/** torch/steps.py and src/ours/prepare.ts have the same names. */
export const comparedSteps: readonly ComparedStep[] = [
  {
    ...network,
    step: 'student-kd',
    title: "The tutorial's student: soft targets and cross entropy, Adam, 32×32, batch 64",
    batch: 64,
    size: 32,
    goals: { asInstalled: 1.25, best: 1.05 },
  },
  {
    ...network,
    step: 'resnet20-kd',
    title: 'ResNet-20 with projections: soft targets and cross entropy, Adam, 32×32, batch 128',
    batch: 128,
    size: 32,
    goals: { asInstalled: 1.5, best: 1.2 },
  },
  {
    ...network,
    step: 'tiny',
    title: "Tiny: the tutorial's student as above, 8×8, batch 8",
    batch: 8,
    size: 8,
    goals: { asInstalled: 1.7, best: 1.5 },
  },
  {
    ...network,
    step: 'resnet50-infer',
    title: 'ResNet-50, inference, 224×224, batch 8, 1000 classes',
    batch: 8,
    size: 224,
    goals: { asInstalled: 1.25, best: 1.05 },
  },
  {
    ...network,
    step: 'resnet50-train',
    title:
      'ResNet-50 with the stem for CIFAR: cross entropy, SGD with momentum and weight decay, 32×32, batch 16',
    batch: 16,
    size: 32,
    goals: { asInstalled: 1.1, best: 1 },
  },
  { ...optimizer, step: 'adam', title: "Adam's update of 10.5 million weights", markMs: 11.7 },
  {
    ...optimizer,
    step: 'sgd',
    title: "SGD's update of 10.5 million weights, momentum and weight decay",
    markMs: 11.7,
  },
];

/** The machine's arithmetic ceiling. */
export const product: ComparedStep = {
  step: 'gemm',
  title: 'A product of two 2048×2048 matrices, float32: the ceiling',
  batch: 1,
  size: 2048,
  forms: 'product',
  hasImages: false,
};
