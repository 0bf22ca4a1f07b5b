import { ensure } from '@kd/core';
import { nullPrototypeRecord } from '@kd/files';
import type { TensorEntry, Weights } from './weights.ts';

/**
 * Weights under the names that the network itself gives them: `_orig_mod` (torch.compile) is taken
 * out of every name, `module.` (DataParallel, averaged
 * models) where all names begin with it. `n_averaged`, the count of an averaged model, goes too.
 * What was taken is said in `metadata.prefix`.
 */
export function withoutPrefixes({ place, entries, metadata }: Weights): Weights {
  const names = Object.keys(entries);
  const compiled = names.map(
    (name) =>
      [
        name,
        name
          .split('.')
          .filter((part) => part !== '_orig_mod')
          .join('.'),
      ] as const,
  );
  const wrapped = compiled.filter(([, name]) => name !== 'n_averaged');
  const layers = wrapped.length === 0 ? 0 : Math.min(...wrapped.map(([, name]) => wrappers(name)));
  const kept = layers === 0 ? compiled : wrapped;
  if (layers === 0 && compiled.every(([from, to]) => from === to))
    return { place, entries, metadata };

  const renamed = nullPrototypeRecord<TensorEntry>();
  for (const [from, to] of kept) {
    const name = to.slice(layers * 'module.'.length);
    ensure(
      !Object.hasOwn(renamed, name),
      place,
      `one tensor ${name}, with and without prefixes`,
      'several',
    );
    renamed[name] = entries[from] as TensorEntry;
  }
  const prefix = [
    ...(names.length > 0 && compiled.some(([from, to]) => from !== to) ? ['_orig_mod.'] : []),
    ...Array(layers).fill('module.'),
  ].join('');
  return { place, entries: renamed, metadata: { ...metadata, prefix } };
}

function wrappers(name: string): number {
  return (/^(?:module\.)*/.exec(name)?.[0].length ?? 0) / 'module.'.length;
}
