import { ensure } from '@kd/core';
import { type ByteSource, byteSource, nullPrototypeRecord, readRange } from '@kd/files';
import { legacyStart, readLegacyCheckpoint, readZipCheckpoint } from './formats/torchCheckpoint.ts';
import { torchWeights } from './formats/torchTensors.ts';
import { safetensorsWeights, type TensorEntry, type Weights } from './formats/weights.ts';

export interface OpenWeightsOptions {
  /** Name of the file, for messages; `weights`. */
  readonly fileName?: string;
  /**
   * Key of the state dict in a PyTorch checkpoint that holds several: `state_dict_ema`; nested keys
   * are joined with dots.
   */
  readonly part?: string;
}

/**
 * Opens a file in memory and lists its tensors, without a network: safetensors, or a file of
 * `torch.save` (zip or legacy), recognized by its first bytes. From a checkpoint the state dict is
 * taken, its averaged copy only if `part` names it. A pickle in the file is parsed, never run.
 * @param bytes Kept, and read at every `read` of a tensor: do not change them.
 * @throws RangeError that names the file and what is wrong in it.
 */
export function openWeights(bytes: Uint8Array, options: OpenWeightsOptions = {}): Weights {
  const { fileName = 'weights', part } = options;
  return stripPrefixes(openSource(byteSource(bytes), fileName, part));
}

/** Opens bytes that are read by range; the names of tensors are as in the file. */
export function openSource(
  source: ByteSource,
  fileName: string,
  part: string | undefined,
): Weights {
  const start = readRange(source, 0, Math.min(source.length, 512));
  if (startsWith(start, 0x50, 0x4b))
    return torchWeights(readZipCheckpoint(source, fileName), fileName, part);
  if (startsWith(start, ...legacyStart))
    return torchWeights(readLegacyCheckpoint(source, fileName), fileName, part);
  for (const [name, matches] of Object.entries(unsupported))
    ensure(!matches(start), fileName, 'safetensors or a file of torch.save', name, remedy);
  ensure(
    part === undefined,
    fileName,
    'no option part: a safetensors file has one set of tensors',
    part,
  );
  return safetensorsWeights(source, fileName);
}

const remedy = 'in Python: torch.save(model.state_dict(), …)';

const unsupported: Readonly<Record<string, (start: Uint8Array) => boolean>> = {
  'an HDF5 file': (start) => startsWith(start, 0x89, 0x48, 0x44, 0x46),
  'a gzip archive': (start) => startsWith(start, 0x1f, 0x8b),
  'a tar archive of PyTorch before 0.2, or another': (start) =>
    new TextDecoder('latin1').decode(start.subarray(257, 262)) === 'ustar',
  // A safetensors file may begin with these two bytes as well, but then its header comes at byte 8.
  'a pickle that is not of torch.save': (start) =>
    start[0] === 0x80 && (start[1] ?? 9) <= 5 && start[8] !== 0x7b,
};

function startsWith(bytes: Uint8Array, ...start: readonly number[]): boolean {
  return bytes.length >= start.length && start.every((byte, at) => bytes[at] === byte);
}

/**
 * Renames tensors to the names that the network itself gives them: `_orig_mod` (torch.compile) is
 * removed from every name, `module.` (DataParallel, averaged models) if all names begin with it.
 * `n_averaged`, the counter of an averaged model, is removed too. `metadata.prefix` lists what was
 * removed.
 */
export function stripPrefixes({ fileName, entries, metadata }: Weights): Weights {
  const names = Object.keys(entries);
  const withoutCompile = names.map(
    (name) =>
      [
        name,
        name
          .split('.')
          .filter((part) => part !== '_orig_mod')
          .join('.'),
      ] as const,
  );
  const tensors = withoutCompile.filter(([, name]) => name !== 'n_averaged');
  const wrappers =
    tensors.length === 0 ? 0 : Math.min(...tensors.map(([, name]) => countWrappers(name)));
  const renames = wrappers === 0 ? withoutCompile : tensors;
  const isCompiled = withoutCompile.some(([from, to]) => from !== to);
  if (wrappers === 0 && !isCompiled) return { fileName, entries, metadata };

  const renamed = nullPrototypeRecord<TensorEntry>();
  for (const [from, to] of renames) {
    const name = to.slice(wrappers * 'module.'.length);
    ensure(
      !Object.hasOwn(renamed, name),
      fileName,
      `one tensor ${name}, with and without prefixes`,
      'several',
    );
    renamed[name] = entries[from] as TensorEntry;
  }
  const prefix = [...(isCompiled ? ['_orig_mod.'] : []), ...Array(wrappers).fill('module.')].join(
    '',
  );
  return { fileName, entries: renamed, metadata: { ...metadata, prefix } };
}

function countWrappers(name: string): number {
  return (/^(?:module\.)*/.exec(name)?.[0].length ?? 0) / 'module.'.length;
}
