import type { Storages } from './tensorEntry.ts';

/** A file of PyTorch: what its pickle says, and where the numbers lie. */
export interface TorchCheckpoint {
  /** `torch zip` or `torch legacy`. */
  readonly format: string;
  readonly root: unknown;
  readonly storages: Storages;
}
