import type { StateDictKeyMap } from '@kd/core';
import { renamed } from './renamed.ts';

/** Those of RepDistiller and mdistiller: `conv1`, `block1.layer.0.convShortcut`, `bn1`, `fc`. */
export const repDistillerWideResnet: StateDictKeyMap = renamed([
  [/^stage(\d+)\.block(\d+)/, 'block$1.layer.$2'],
  [/\.shortcut$/, '.convShortcut'],
  [/^stem$/, 'conv1'],
  [/^bn$/, 'bn1'],
]);
