import type { Tensor } from '@tensorflow/tfjs-core';

/** A step of a folded network. */
export interface Piece {
  /** @returns A new tensor; x is left alone. */
  run(x: Tensor): Tensor;
  /** Takes over what has moved in the network since the last time. */
  refresh(): void;
  /** Frees variables of its own. */
  dispose(): void;
}

/** A step that keeps nothing of its own: it reads the network's variables when it runs. */
export function plainPiece(run: Piece['run']): Piece {
  return { run, refresh: nothing, dispose: nothing };
}

function nothing(): void {}
