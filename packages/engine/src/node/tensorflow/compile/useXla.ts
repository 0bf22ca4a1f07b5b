import type { GraphNode } from '../trace/graphBuilder.ts';

/** Whether a function is compiled by XLA as a whole. For now none is: it lost on convolutions (0.88 of the speed), and where it wins is yet to be measured. */
export function useXla(_nodes: readonly GraphNode[]): boolean {
  return false;
}
