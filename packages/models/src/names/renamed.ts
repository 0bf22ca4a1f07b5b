import type { StateDictKeyMap } from '@kd/core';

/**
 * A pattern and what stands in its place, as `String.replace` takes them: `['shortcut.conv',
 * 'downsample.0']`, `[/^stage(\d+)/, 'layer$1']`.
 */
export type Renaming = readonly [
  RegExp | string,
  string | ((match: string, ...groups: string[]) => string),
];

/** A scheme by rules that are applied one after another, each to what the one before has left. */
export function renamed(rules: readonly Renaming[]): StateDictKeyMap {
  return (layer) =>
    rules.reduce(
      (name, [pattern, replacement]) => name.replace(pattern, replacement as string),
      layer,
    );
}
