import { realpathSync, type Stats, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expectedError } from '@kd/core';

/** A picture file below a directory. */
export interface ImageFile {
  /** Path below the directory, with `/`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Time of the last change, milliseconds. */
  readonly changed: number;
}

/** The picture files below a directory, and what else is there. */
export interface FoundFiles {
  /** In natural order of their base names, then of their paths. */
  readonly files: readonly ImageFile[];
  /** Number of visible files that are no pictures by their names. */
  readonly others: number;
}

/** Endings of the files that are taken for pictures. */
export const imageEndings = /\.(?:jpe?g|png|webp|avif|gif|tiff?|bmp)$/i;

/** Largest number of files in a collection. */
const mostFiles = 10_000_000;

/** Files that systems leave beside pictures. */
const litter = /^(?:\.|Thumbs\.db$|desktop\.ini$)/i;

/** A directory whose contents are listed, and the directory that nothing may lead out of. */
export interface ContainedDirectory {
  /** The real path of the whole collection. */
  readonly root: string;
  /** Path below it, with `/`; '' for itself. */
  readonly directory: string;
  /** Start of messages. */
  readonly caller: string;
}

/** Names of the visible directories in a directory, sorted by code units. */
export async function listDirectories({
  root,
  directory,
  caller,
}: ContainedDirectory): Promise<string[]> {
  const entries = await readEntries(path.join(root, directory), caller);
  return entries
    .filter(({ name }) => !litter.test(name))
    .filter((entry) => {
      if (!entry.isSymbolicLink()) return entry.isDirectory();
      return resolveLink({ root, caller }, join(directory, entry.name)).stats.isDirectory();
    })
    .map(({ name }) => name)
    .sort();
}

/**
 * Finds the picture files of a directory and, if asked for, of all below it. Symbolic links are
 * followed where they stay inside the collection; a directory is entered once.
 * @throws RangeError that names a link that leads out, a directory that cannot be read, too many
 * files.
 */
export async function findImageFiles(
  { root, directory, caller }: ContainedDirectory,
  { deep }: { readonly deep: boolean },
): Promise<FoundFiles> {
  const files: ImageFile[] = [];
  const entered = new Set<string>();
  let others = 0;
  const enter = async (below: string): Promise<void> => {
    const location = path.join(root, below);
    const real = realpathSync(location);
    // A link to a directory above it would list everything there again.
    const above = realpathSync(path.dirname(location));
    const isLoop = below !== '' && (above === real || above.startsWith(real + path.sep));
    if (isLoop || entered.has(real)) return;
    entered.add(real);
    for (const entry of await readEntries(location, caller)) {
      if (litter.test(entry.name)) continue;
      const name = join(below, entry.name);
      const isLink = entry.isSymbolicLink();
      const stats = isLink ? resolveLink({ root, caller }, name).stats : undefined;
      if (stats?.isDirectory() ?? entry.isDirectory()) {
        if (deep) await enter(name);
      } else if (!imageEndings.test(entry.name)) others++;
      else {
        const { size, mtimeMs } = stats ?? statSync(path.join(root, name));
        files.push({ path: name, size, changed: mtimeMs });
        if (files.length > mostFiles)
          throw expectedError(caller, `at most ${mostFiles} pictures`, 'more');
      }
    }
  };
  await enter(directory);
  return { files: sortFiles(files), others };
}

/** Sorts files by natural order of their base names, so that 10 follows 9, then of their paths. */
export function sortFiles(files: readonly ImageFile[]): ImageFile[] {
  const keyed = files.map((file) => ({
    file,
    base: naturalKey(path.posix.basename(file.path)),
    whole: naturalKey(file.path),
  }));
  keyed.sort(
    (a, b) =>
      compare(a.base, b.base) || compare(a.whole, b.whole) || compare(a.file.path, b.file.path),
  );
  return keyed.map(({ file }) => file);
}

function naturalKey(name: string): string {
  return name.replace(/\d+/g, (digits) => digits.padStart(20, '0'));
}

/** By code units: the same on every system and in every language. */
function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

async function readEntries(location: string, caller: string) {
  try {
    return await readdir(location, { withFileTypes: true });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw expectedError(caller, `a directory that can be read at ${location}`, code ?? message);
  }
}

/** @throws RangeError where a link leads out of the collection, or nowhere. */
function resolveLink(
  { root, caller }: Pick<ContainedDirectory, 'root' | 'caller'>,
  name: string,
): { readonly stats: Stats } {
  let real: string;
  try {
    real = realpathSync(path.join(root, name));
  } catch {
    throw expectedError(caller, `a file behind the symbolic link ${name}`, 'nothing', 'remove it');
  }
  if (real !== root && !real.startsWith(root + path.sep))
    throw expectedError(
      caller,
      `symbolic links that stay inside ${root}`,
      `${name}, which leads to ${real}`,
      'copy the file into the directory, or remove the link',
    );
  return { stats: statSync(real) };
}

function join(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

/** Lists names for a message, five at most. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
