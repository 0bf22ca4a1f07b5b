import { engine } from '@tensorflow/tfjs-core';

/** Frees what TF.js leaves behind where a gradient failed: the activations saved on its tape. */
export function dropTape(): void {
  const { state } = engine();
  if (state.gradientDepth > 0) return;
  for (const { saved = [] } of state.activeTape ?? []) for (const tensor of saved) tensor.dispose();
  state.activeTape = [];
}
