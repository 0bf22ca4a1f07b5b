import type { StoredImage } from '../collections/imageCollection.ts';
import { type Preparation, type PreparedImage, prepareImage } from './prepareImage.ts';

/** Images for one thread. */
export interface DecodeTask {
  readonly images: readonly NamedImage[];
}

/** A stored image, or why it could not be read. */
export type NamedImage = { readonly name: string } & (
  | { readonly stored: StoredImage }
  | { readonly reason: string }
);

/** An image that is left out. */
export interface BrokenImage {
  readonly name: string;
  /** One line: what was expected, and what the file is instead. */
  readonly reason: string;
}

/** What became of the images of a task, in order. */
export interface DecodeResult {
  readonly outcomes: readonly DecodeOutcome[];
}

export type DecodeOutcome = PreparedImage | BrokenImage;

/** Prepares images one after the other; a broken one has its reason in its place. */
export async function prepareAll(
  images: readonly NamedImage[],
  preparation: Preparation,
): Promise<DecodeOutcome[]> {
  const outcomes: DecodeOutcome[] = [];
  for (const image of images) outcomes.push(await prepareOne(image, preparation));
  return outcomes;
}

async function prepareOne(image: NamedImage, preparation: Preparation): Promise<DecodeOutcome> {
  if ('reason' in image) return image;
  const { name, stored } = image;
  try {
    return await prepareImage(stored, name, preparation);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { name, reason: shortReason(error.message) };
  }
}

/** `decodeImage 'a.jpg': expected x, got y; remedy.` → `expected x, got y`. */
export function shortReason(message: string): string {
  return message
    .replace(/^\w+ '.*?': (?=expected )/s, '')
    .replace(/; [^;]*\.$/s, '')
    .replace(/\.$/, '')
    .slice(0, 300);
}
