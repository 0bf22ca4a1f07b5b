import type { Network } from '@kd/core';
import { cifarResnet, resnet9, seedCnn, studentCnn } from '@kd/models';

/** A network that can be asked for by name, and how SGD trains it well. */
export interface Architecture {
  /** @param seed Of the initial weights. */
  readonly make: (options: { readonly classes: number; readonly seed: number }) => Network;
  /** The highest learning rate of the triangular schedule, for SGD with momentum 0.9 and batches of 128. */
  readonly peakRate: number;
  /** Bound of the gradient's global norm. Networks without batch norm need one: soft targets at T 4 weigh 14 times as much as labels. */
  readonly clipNorm?: number;
}

/** What `--teacher` and `--student` may name. One line adds one. */
export const architectures = {
  'student-cnn': { make: studentCnn, peakRate: 0.8 },
  'student-cnn-wide': { make: (options) => studentCnn({ ...options, widths: [32, 64, 128] }), peakRate: 0.4 },
  'seed-cnn': { make: seedCnn, peakRate: 0.02, clipNorm: 1 },
  resnet8: { make: (options) => cifarResnet({ ...options, depth: 8 }), peakRate: 0.1 },
  resnet20: { make: (options) => cifarResnet({ ...options, depth: 20 }), peakRate: 0.1 },
  resnet32: { make: (options) => cifarResnet({ ...options, depth: 32 }), peakRate: 0.1 },
  resnet56: { make: (options) => cifarResnet({ ...options, depth: 56 }), peakRate: 0.1 },
  'resnet9-w0.125': { make: (options) => resnet9({ ...options, width: 0.125 }), peakRate: 0.4 },
  'resnet9-w0.25': { make: (options) => resnet9({ ...options, width: 0.25 }), peakRate: 0.4 },
  'resnet9-w0.5': { make: (options) => resnet9({ ...options, width: 0.5 }), peakRate: 0.4 },
  resnet9: { make: (options) => resnet9({ ...options, width: 1 }), peakRate: 0.4 },
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof architectures;

/** The entry, with its optional fields readable. */
export function architecture(name: ArchitectureName): Architecture {
  return architectures[name];
}
