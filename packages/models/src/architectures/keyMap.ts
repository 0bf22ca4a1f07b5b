import type { StateDictKeyMap } from '@kd/core';

/**
 * A pattern and its replacement, as `String.replace` takes them: `['shortcut.conv',
 * 'downsample.0']`, `[/^stage(\d+)/, 'layer$1']`.
 */
export type KeyRule = readonly [
  RegExp | string,
  string | ((match: string, ...groups: string[]) => string),
];

/** A key map by rules that are applied one after another, each to the result of the one before. */
export function keyMapFromRules(rules: readonly KeyRule[]): StateDictKeyMap {
  return (layer) =>
    rules.reduce(
      (name, [pattern, replacement]) => name.replace(pattern, replacement as string),
      layer,
    );
}
