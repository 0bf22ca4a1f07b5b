import type { GraphNode } from '../trace/graphBuilder.ts';

/** Whether a function is compiled by XLA as a whole. None is: see "Not kept" in docs/decisions/engine.md. */
export function useXla(_nodes: readonly GraphNode[]): boolean {
  return false;
}
