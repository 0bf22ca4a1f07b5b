import type { StepOptions } from './protocol.ts';
import type { Row } from './section.ts';
import { AS_INSTALLED, type VariantGroup } from './variants.ts';

/** How many times as fast as PyTorch a step of ours should be. */
export interface SpeedTargets {
  readonly asInstalled: number;
  /** Against the fastest of all its variants. */
  readonly best: number;
}

/** A step that ours and PyTorch's run alike. */
export interface ComparedStep extends StepOptions {
  readonly title: string;
  readonly group: VariantGroup;
  /** Whether a step is a batch of images. */
  readonly hasImages: boolean;
  readonly targets?: SpeedTargets;
  /** Longest duration that one step should have. */
  readonly targetMs?: number;
}

const network = { group: 'network', hasImages: true } as const;
const optimizer = { group: 'optimizer', hasImages: false, batch: 1, size: 1024 } as const;

/** torch/steps.py and src/ours/workloads.ts have the same names. */
export const comparedSteps: readonly ComparedStep[] = [
  {
    ...network,
    step: 'student-kd',
    title: "The tutorial's student: soft targets and cross entropy, Adam, 32×32, batch 64",
    batch: 64,
    size: 32,
    targets: { asInstalled: 1.25, best: 1.05 },
  },
  {
    ...network,
    step: 'resnet20-kd',
    title: 'ResNet-20 with projections: soft targets and cross entropy, Adam, 32×32, batch 128',
    batch: 128,
    size: 32,
    targets: { asInstalled: 1.5, best: 1.2 },
  },
  {
    ...network,
    step: 'tiny',
    title: "Tiny: the tutorial's student as above, 8×8, batch 8",
    batch: 8,
    size: 8,
    targets: { asInstalled: 1.7, best: 1.5 },
  },
  {
    ...network,
    step: 'resnet50-infer',
    title: 'ResNet-50, inference, 224×224, batch 8, 1000 classes',
    batch: 8,
    size: 224,
    targets: { asInstalled: 1.25, best: 1.05 },
  },
  {
    ...network,
    step: 'resnet50-train',
    title:
      'ResNet-50 with the stem for CIFAR: cross entropy, SGD with momentum and weight decay, 32×32, batch 16',
    batch: 16,
    size: 32,
    targets: { asInstalled: 1.1, best: 1 },
  },
  { ...optimizer, step: 'adam', title: "Adam's update of 10.5 million weights", targetMs: 11.7 },
  {
    ...optimizer,
    step: 'sgd',
    title: "SGD's update of 10.5 million weights, momentum and weight decay",
    targetMs: 11.7,
  },
];

/** The machine's arithmetic ceiling. */
export const matrixProduct: ComparedStep = {
  step: 'gemm',
  title: 'A product of two 2048×2048 matrices, float32: the ceiling',
  batch: 1,
  size: 2048,
  group: 'product',
  hasImages: false,
};

/**
 * Compares a step with its targets, a sentence each. @param ms Duration of our step. @param rows
 * The other variants.
 */
export function compareWithTargets(
  { targets, targetMs }: ComparedStep,
  ms: number,
  rows: readonly Row[],
): string[] {
  const torch = rows.filter(
    ({ variant, ratio }) => variant.startsWith('PyTorch') && ratio !== null,
  ) as (Row & { ratio: number })[];
  const installed = torch.find(({ variant }) => variant === AS_INSTALLED);
  const best = torch.reduce<(typeof torch)[number] | undefined>(
    (least, row) => (least === undefined || row.ratio < least.ratio ? row : least),
    undefined,
  );
  const remarks: string[] = [];
  if (targets !== undefined && installed !== undefined)
    remarks.push(atLeast('Against PyTorch as installed', installed.ratio, targets.asInstalled));
  if (targets !== undefined && best !== undefined)
    remarks.push(
      atLeast(`Against the best of PyTorch (${best.variant})`, best.ratio, targets.best),
    );
  if (targetMs !== undefined)
    remarks.push(`Goal ≤ ${targetMs} ms: ${ms.toFixed(1)} ms, ${passFail(ms <= targetMs)}.`);
  return remarks;
}

/** `met` or `missed`. */
export function passFail(isMet: boolean): string {
  return isMet ? 'met' : '**missed**';
}

function atLeast(what: string, ratio: number, target: number): string {
  return `${what}: goal ≥ ${target.toFixed(2)}, ${ratio.toFixed(2)}, ${passFail(ratio >= target)}.`;
}
