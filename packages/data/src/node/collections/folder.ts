import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import type { ImageCollection, ImageSplit } from './imageCollection.ts';
import {
  findImageFiles,
  type ImageFile,
  listDirectories,
  listNames,
  sortFiles,
} from './imageFiles.ts';
import { pictureReader } from './readPicture.ts';
import { entriesOf, mapSplits, requireTrain, type SplitName, splitOfWord } from './splitNames.ts';

/** Directories whose pictures have no label. */
const unlabelledNames = /^unlabell?ed$/i;

/** The files of one split, by the directory of their class. */
interface FolderSplit {
  readonly classes: ReadonlyMap<string, readonly ImageFile[]>;
  readonly unlabelled: readonly ImageFile[];
  readonly others: number;
}

/**
 * Opens a directory of class directories, or of `train`, `validation` and `test` (and other words
 * for them) with class directories. Pictures may lie deeper in a class. A directory `unlabelled`
 * beside the classes has training images without a label.
 *
 * Classes are numbered by code units of their names, as torchvision's ImageFolder does. Images are
 * in natural order of their file names, then of their classes: a numbered export keeps its order.
 * @throws RangeError that names the directory or file that does not fit.
 */
export async function openFolder(source: string): Promise<ImageCollection> {
  const caller = `openImages '${source}'`;
  const root = realpathSync(source);
  const warnings: string[] = [];
  const found = await readSplits(root, caller, warnings);
  const splits = requireTrain(found, caller);
  const classNames = chooseClasses(splits, caller, warnings);
  const others = entriesOf(splits).reduce((sum, [, split]) => sum + split.others, 0);
  if (others > 0)
    warnings.push(`${others} other ${others === 1 ? 'file is' : 'files are'} left aside`);
  const opened = mapSplits(splits, (split) => openSplit(root, split, classNames));
  return {
    source,
    classNames,
    splits: requireTrain(opened, caller),
    warnings,
    close: async () => {},
  };
}

async function readSplits(
  root: string,
  caller: string,
  warnings: string[],
): Promise<Partial<Record<SplitName, FolderSplit>>> {
  const directories = await listDirectories({ root, directory: '', caller });
  const named = new Map<SplitName, string>();
  for (const name of directories) {
    const split = splitOfWord(name);
    if (split === undefined) continue;
    const other = named.get(split);
    if (other !== undefined)
      throw expectedError(caller, `one directory for the ${split} split`, `${other} and ${name}`);
    named.set(split, name);
  }
  const strangers = directories.filter(
    (name) => splitOfWord(name) === undefined && !unlabelledNames.test(name),
  );
  const isSplit = named.has('train') && (named.size > 1 || strangers.length === 0);
  if (!isSplit) return { train: await readClasses(root, '', caller) };
  if (strangers.length > 0)
    warnings.push(
      `beside ${[...named.values()].join(', ')}, ${strangers.slice(0, 3).join(', ')} is left aside`,
    );
  const splits: Partial<Record<SplitName, FolderSplit>> = {};
  for (const [split, name] of named) splits[split] = await readClasses(root, name, caller);
  const loose = directories.find((name) => unlabelledNames.test(name));
  if (loose === undefined || splits.train === undefined) return splits;
  const { files } = await findImageFiles({ root, directory: loose, caller }, { deep: true });
  const unlabelled = [...splits.train.unlabelled, ...files];
  return { ...splits, train: { ...splits.train, unlabelled } };
}

async function readClasses(root: string, directory: string, caller: string): Promise<FolderSplit> {
  const below = (name: string) => (directory === '' ? name : `${directory}/${name}`);
  const classes = new Map<string, readonly ImageFile[]>();
  let unlabelled: readonly ImageFile[] = [];
  const top = await findImageFiles({ root, directory, caller }, { deep: false });
  let { others } = top;
  for (const name of await listDirectories({ root, directory, caller })) {
    const found = await findImageFiles({ root, directory: below(name), caller }, { deep: true });
    others += found.others;
    if (unlabelledNames.test(name)) unlabelled = found.files;
    else classes.set(name, found.files);
  }
  const shown = directory === '' ? 'the directory' : directory;
  const layout = 'one directory for each class, with its pictures: cats/1.jpg, dogs/2.jpg';
  if (top.files.length > 0)
    throw expectedError(
      caller,
      layout,
      `${top.files.length} pictures in ${shown} itself, such as ${top.files[0]?.path}`,
      'move them into directories named after their classes, or list them in labels.csv',
    );
  if (classes.size === 0)
    throw expectedError(
      caller,
      layout,
      `no directory in ${directory === '' ? 'it' : directory}`,
      'make one for each class and put its pictures there',
    );
  return { classes, unlabelled, others };
}

/** Checks the classes of all splits together. @returns Their names in order. */
function chooseClasses(
  splits: Readonly<Partial<Record<SplitName, FolderSplit>>> & { readonly train: FolderSplit },
  caller: string,
  warnings: string[],
): string[] {
  const count = (split: FolderSplit | undefined, name: string) =>
    split?.classes.get(name)?.length ?? 0;
  const all = entriesOf(splits);
  const everywhere = [...new Set(all.flatMap(([, { classes }]) => [...classes.keys()]))].sort();
  expectDistinct(everywhere, caller);
  const names = everywhere.filter((name) => all.some(([, split]) => count(split, name) > 0));
  const empty = everywhere.filter((name) => !names.includes(name));
  if (names.length === 0)
    throw expectedError(
      caller,
      'pictures (jpg, png, webp, avif, gif, tif) in the class directories',
      'none',
    );
  if (empty.length > 0) warnings.push(`no pictures in ${listNames(empty)}: left out`);
  if (names.length < 2) {
    const only = names[0] as string;
    const remedy =
      empty.length === 0
        ? `add another class, or, if the classes are directories in ${only}, give its path`
        : 'fill the others';
    throw expectedError(caller, 'at least two classes', `one, ${only}`, remedy);
  }
  const untaught = names.filter((name) => count(splits.train, name) === 0);
  if (untaught.length > 0)
    throw expectedError(
      caller,
      'every class among the training images',
      `none of ${listNames(untaught)}`,
      'add some, or remove the class from the other splits',
    );
  return names;
}

/** Names that differ in case alone are one directory on macOS and Windows. */
function expectDistinct(names: readonly string[], caller: string): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const folded = name.normalize('NFC').toLowerCase();
    const other = seen.get(folded);
    ensure(
      other === undefined,
      caller,
      'class names that differ by more than upper and lower case',
      `${other} and ${name}`,
      'they are one directory on other systems: merge or rename one',
    );
    seen.set(folded, name);
  }
}

function openSplit(
  root: string,
  { classes, unlabelled }: FolderSplit,
  classNames: readonly string[],
): ImageSplit {
  const labelOf = new Map<ImageFile, number>();
  for (const [label, name] of classNames.entries())
    for (const file of classes.get(name) ?? []) labelOf.set(file, label);
  const files = sortFiles([...labelOf.keys(), ...unlabelled]);
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${JSON.stringify(file)}\n`);
  const nameOf = (index: number) => (files[index] as ImageFile).path;
  const read = pictureReader();
  return {
    count: files.length,
    labels: Int32Array.from(files, (file) => labelOf.get(file) ?? -1),
    nameOf,
    async read(index) {
      const { path: name, size } = files[index] as ImageFile;
      return { encoded: await read(path.join(root, name), size) };
    },
    version: hash.digest('hex'),
  };
}
