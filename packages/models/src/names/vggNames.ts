import type { StateDictKeyMap } from '@kd/core';
import { renamed } from './renamed.ts';

/**
 * Those of RepDistiller and mdistiller, whose sequences count convolution, batch norm and ReLU:
 * `block0.0`, `block0.1`, `block0.3` …, `classifier`.
 */
export const repDistillerVgg: StateDictKeyMap = renamed([
  [/^stage(\d+)\./, (_, stage) => `block${Number(stage) - 1}.`],
  [/conv(\d+)$/, (_, at) => `${3 * (Number(at) - 1)}`],
  [/bn(\d+)$/, (_, at) => `${3 * (Number(at) - 1) + 1}`],
  [/^fc$/, 'classifier'],
]);
