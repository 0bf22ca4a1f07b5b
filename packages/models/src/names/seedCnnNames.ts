import type { StateDictKeyMap } from '@kd/core';
import { renamed } from './renamed.ts';

/** Those of the tutorial's `Net`: `layer1.0`, `layer1.2`, `layer2.0`, `layer2.2`, `fc1`, `fc2`. */
export const tutorialNames: StateDictKeyMap = renamed([
  [/^stage(\d)\.conv(\d)$/, (_, stage, conv) => `layer${stage}.${2 * Number(conv) - 2}`],
]);
