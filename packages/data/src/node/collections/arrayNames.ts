import { expectedError } from '@kd/core';
import type { OpenOptions } from './imageCollection.ts';
import { type SplitName, splitOfWord } from './splitNames.ts';

/** Names of the arrays of one split. */
export interface SplitArrays {
  readonly images: string;
  /** undefined: the split has no labels. */
  readonly labels: string | undefined;
}

/** What the names of arrays tell. */
export interface NamedArrays {
  readonly splits: Readonly<Partial<Record<SplitName, SplitArrays>>>;
  readonly warnings: readonly string[];
}

const imageWords = ['images', 'image', 'imgs', 'img', 'x', 'data', 'pixels'];
const labelWords = ['labels', 'label', 'y', 'target', 'targets', 'classes'];

/**
 * Groups arrays by their names: `train_images` and `train_labels` (medmnist), `x_test` and `y_test`
 * (Keras), `images` and `labels`, `X` and `y`, `data` and `target`. Split and role may stand in
 * either order.
 * @param caller Start of messages: the file's name.
 * @throws RangeError that lists the arrays if no images or no labels are among them.
 */
export function groupArrays(
  names: readonly string[],
  { imageColumn, labelColumn }: OpenOptions,
  caller: string,
): NamedArrays {
  const found: Partial<Record<SplitName, { images?: string; labels?: string }>> = {};
  const others: string[] = [];
  for (const name of names) {
    const { split = 'train', role, rest } = parseName(name);
    const kind = chooseKind({ name, rest, role }, imageColumn, labelColumn);
    if (kind === undefined) {
      others.push(name);
      continue;
    }
    const arrays = found[split] ?? {};
    if (arrays[kind] !== undefined)
      throw expectedError(
        caller,
        `one array of ${kind} for ${split}`,
        `${arrays[kind]} and ${name}`,
        'choose with imageColumn and labelColumn (--image-column, --label-column)',
      );
    found[split] = { ...arrays, [kind]: name };
  }
  const splits: Partial<Record<SplitName, SplitArrays>> = {};
  for (const [split, { images, labels }] of Object.entries(found)) {
    if (images === undefined) others.push(labels as string);
    else splits[split as SplitName] = { images, labels };
  }
  const { train } = splits;
  if (train?.labels === undefined)
    throw expectedError(
      caller,
      `${train === undefined ? 'images' : 'labels'} for training (${imageColumn ?? 'train_images'} and ${labelColumn ?? 'train_labels'}, x_train and y_train, images and labels …)`,
      names.length === 0 ? 'no array' : `the arrays ${names.slice(0, 20).join(', ')}`,
      'name them with imageColumn and labelColumn (--image-column, --label-column)',
    );
  const warnings =
    others.length > 0 ? [`${caller}: arrays that are left out: ${others.join(', ')}`] : [];
  return { splits, warnings };
}

/** Whether the name of an array tells that it holds images, or labels. */
export function hasUsualName(name: string): boolean {
  return parseName(name).role !== undefined;
}

interface ParsedName {
  readonly split: SplitName | undefined;
  readonly role: 'images' | 'labels' | undefined;
  /** The name without the word of its split. */
  readonly rest: string;
}

/** Parses `train_images` and `x_val`: any other word makes it another array. */
function parseName(name: string): ParsedName {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const splits = words.map(splitOfWord);
  const at = splits.findIndex((split) => split !== undefined);
  const others = words.filter((_, index) => index !== at);
  const [only] = others;
  const word = others.length === 1 ? (only as string).toLowerCase() : '';
  const isImage = imageWords.includes(word);
  const isLabel = labelWords.includes(word);
  return {
    split: splits[at],
    role: isImage ? 'images' : isLabel ? 'labels' : undefined,
    rest: others.join('_'),
  };
}

function chooseKind(
  { name, rest, role }: { name: string; rest: string; role: ParsedName['role'] },
  imageColumn: string | undefined,
  labelColumn: string | undefined,
): 'images' | 'labels' | undefined {
  if (imageColumn === name || imageColumn === rest) return 'images';
  if (labelColumn === name || labelColumn === rest) return 'labels';
  if (role === 'images' && imageColumn === undefined) return role;
  return role === 'labels' && labelColumn === undefined ? role : undefined;
}
