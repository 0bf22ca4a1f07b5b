import type { Preset } from './config.ts';

/** What the presets have in common; measured in `docs/decisions/presets.md`. */
const optimizer = {
  name: 'sgd',
  batchSize: 128,
  momentum: 0.9,
  weightDecay: 5e-4,
  rise: 0.25,
} as const;
const softTargets = { method: 'soft-targets', temperature: 4, hard: 0.1, soft: 0.9 } as const;
const views = { pad: 4, flip: true } as const;

/**
 * The experiments by name: plain data, made to be edited. Rates and clipping come from
 * `architectures.ts` where a preset does not say otherwise.
 */
export const presets = {
  smoke: {
    about: 'does everything once, on a handful of pictures; claims nothing (≤ 1 minute)',
    claim: false,
    data: { pictures: 1_500, held: 200, tested: 1_000 },
    teacher: { architecture: 'resnet9-w0.125', epochs: 5 },
    student: { architecture: 'student-cnn', epochs: 4 },
    assistant: 'student-cnn-wide',
    distillation: softTargets,
    views: { ...views, count: 2 },
    optimizer,
    seeds: [0],
  },
  quick: {
    about:
      '10,000 pictures, a small ResNet-9 teaches three convolutions (about 4 minutes on 2 cores)',
    claim: true,
    data: { pictures: 11_000, held: 1_000, tested: 10_000 },
    teacher: { architecture: 'resnet9-w0.25', epochs: 8 },
    student: { architecture: 'student-cnn', epochs: 15 },
    assistant: 'resnet9-w0.125',
    distillation: softTargets,
    views: { ...views, count: 5 },
    optimizer,
    seeds: [0],
  },
  'quick-wasm': {
    about:
      'what quick becomes where there is no TensorFlow: fewer pictures and epochs (≤ 10 minutes)',
    claim: false,
    data: { pictures: 4_500, held: 500, tested: 2_000 },
    teacher: { architecture: 'resnet9-w0.125', epochs: 8 },
    student: { architecture: 'student-cnn', epochs: 12 },
    assistant: 'student-cnn-wide',
    distillation: softTargets,
    views: { ...views, count: 3 },
    optimizer,
    seeds: [0],
  },
  survey: {
    about:
      'a teacher that saw 47,000 pictures, students that see 5,000 of them for 8 epochs: what `npm run survey` gives every method',
    claim: false,
    data: { pictures: 50_000, held: 3_000, taught: 5_000, tested: 10_000 },
    teacher: { architecture: 'resnet9-w0.125', epochs: 8 },
    student: { architecture: 'student-cnn', epochs: 8 },
    assistant: 'student-cnn-wide',
    distillation: softTargets,
    views: { ...views, count: 8 },
    optimizer,
    seeds: [0, 1, 2],
  },
  standard: {
    about:
      "all 50,000 pictures, a full ResNet-9 teaches the tutorial's student at 32×32 (hours; resumable; not measured yet)",
    claim: true,
    data: { pictures: 50_000, held: 5_000, tested: 10_000 },
    teacher: { architecture: 'resnet9', epochs: 30 },
    student: { architecture: 'seed-cnn', epochs: 40 },
    assistant: 'resnet9-w0.5',
    distillation: softTargets,
    views: { ...views, count: 8 },
    optimizer,
    seeds: [0],
  },
  pretrained: {
    about:
      "10,000 pictures, EfficientNet-Lite0 with ImageNet's weights learns a new head and teaches three convolutions",
    claim: true,
    data: { pictures: 11_000, held: 1_000, tested: 10_000 },
    teacher: { architecture: 'efficientnet-lite0', epochs: 10 },
    student: { architecture: 'student-cnn', epochs: 15 },
    assistant: 'resnet9-w0.125',
    distillation: { method: 'dist', temperature: 4, hard: 1, soft: 2 },
    views: { ...views, count: 4 },
    optimizer,
    seeds: [0],
  },
  tutorial: {
    about:
      "the tutorial's numbers with its defects repaired; needs --teacher-weights; --as-printed keeps the defects (hours, resumable)",
    claim: true,
    data: { pictures: 50_000, held: 5_000, tested: 10_000 },
    teacher: { architecture: 'resnet50-imagenet', epochs: 10, peakRate: 1e-3 },
    student: { architecture: 'seed-cnn', epochs: 20, peakRate: 1e-3 },
    assistant: 'resnet9-w0.5',
    distillation: { method: 'soft-targets', temperature: 1, hard: 0.5, soft: 0.5 },
    views: { pad: 0, flip: false, count: 1 },
    optimizer: { name: 'adam', batchSize: 64 },
    seeds: [0],
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;
