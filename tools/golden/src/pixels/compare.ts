import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Network } from '@kd/core';
import { type PixelRecipe, pixelRecipes, preparePixels } from '@kd/data';
import { decodeImage } from '@kd/data/node';
import { type Tensor2D, tensor4d, tidy } from '@tensorflow/tfjs-core';

/** A file that `regions.py` wrote, without its pixels. */
interface Region {
  readonly file: string;
  readonly kind: string;
}

/** Files of one kind, here and in Python. */
export interface Agreement {
  readonly kind: string;
  readonly regions: number;
  /** Share of equal values 0–255 by recipe, and the greatest difference. */
  readonly equal: Readonly<Record<RecipeName, number>>;
  readonly greatest: number;
  /** Regions for which EfficientNet-Lite0 names the same class. */
  readonly sameClass: number;
  /** Mean and maximum of |logit here − logit there|. */
  readonly meanDifference: number;
  readonly maxDifference: number;
}

type RecipeName = keyof typeof pixelRecipes;

const size = 224;
const imageBytes = size * size * 3;
const classes = 1000;

/**
 * Compares the files of a directory that `regions.py` made: decoding, both recipes, and the logits
 * of a network on the pixels of `timm`.
 * @returns The kinds in order, and Python's versions.
 */
export async function compareRegions(
  directory: string,
  network: Network,
): Promise<{
  readonly kinds: readonly Agreement[];
  readonly versions: Readonly<Record<string, string>>;
}> {
  const { regions, versions } = JSON.parse(
    await readFile(join(directory, 'regions.json'), 'utf8'),
  ) as { regions: readonly Region[]; versions: Record<string, string> };
  const expected = {
    torchvision: await readFile(join(directory, 'torchvision.bin')),
    timm: await readFile(join(directory, 'timm.bin')),
  };
  const logitBytes = await readFile(join(directory, 'logits.bin'));
  const expectedLogits = new Float32Array(new Uint8Array(logitBytes).buffer);
  const kinds = new Map<string, Comparison[]>();
  for (const [at, { file, kind }] of regions.entries()) {
    const encoded = await readFile(join(directory, 'files', file));
    const image = await decodeImage(encoded, { name: file, channels: 3 });
    const prepare = (recipe: PixelRecipe) => preparePixels(image, size, recipe);
    const timm = prepare(pixelRecipes.timm);
    const bytes = [at * imageBytes, (at + 1) * imageBytes] as const;
    const comparison = {
      torchvision: compareBytes(
        prepare(pixelRecipes.torchvision),
        expected.torchvision.subarray(...bytes),
      ),
      timm: compareBytes(timm, expected.timm.subarray(...bytes)),
      logits: compareLogits(
        await computeLogits(network, timm),
        expectedLogits.subarray(at * classes, (at + 1) * classes),
      ),
    };
    kinds.set(kind, [...(kinds.get(kind) ?? []), comparison]);
  }
  return { kinds: [...kinds].map(([kind, all]) => summarize(kind, all)), versions };
}

interface Comparison {
  readonly torchvision: { readonly equal: number; readonly greatest: number };
  readonly timm: { readonly equal: number; readonly greatest: number };
  readonly logits: { readonly isSame: boolean; readonly mean: number; readonly max: number };
}

async function computeLogits(network: Network, pixels: Uint8Array): Promise<Float32Array> {
  const logits = tidy(() => {
    const values = Float32Array.from(pixels, (value) => value / 255);
    return network.forward(tensor4d(values, [1, size, size, 3]), { training: false })
      .logits as Tensor2D;
  });
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}

function compareBytes(actual: Uint8Array, expected: Uint8Array) {
  let unequal = 0;
  let greatest = 0;
  for (let at = 0; at < expected.length; at++) {
    const difference = Math.abs((actual[at] as number) - (expected[at] as number));
    if (difference > 0) unequal++;
    greatest = Math.max(greatest, difference);
  }
  return { equal: 1 - unequal / expected.length, greatest };
}

function compareLogits(actual: Float32Array, expected: Float32Array) {
  const differences = actual.map((value, at) => Math.abs(value - (expected[at] as number)));
  return {
    isSame: indexOfMax(actual) === indexOfMax(expected),
    mean: meanOf([...differences]),
    max: Math.max(...differences),
  };
}

function indexOfMax(values: Float32Array): number {
  return values.indexOf(Math.max(...values));
}

function summarize(kind: string, all: readonly Comparison[]): Agreement {
  return {
    kind,
    regions: all.length,
    equal: {
      torchvision: meanOf(all.map(({ torchvision }) => torchvision.equal)),
      timm: meanOf(all.map(({ timm }) => timm.equal)),
    },
    greatest: Math.max(
      ...all.map(({ torchvision, timm }) => Math.max(torchvision.greatest, timm.greatest)),
    ),
    sameClass: all.filter(({ logits }) => logits.isSame).length,
    meanDifference: meanOf(all.map(({ logits }) => logits.mean)),
    maxDifference: Math.max(...all.map(({ logits }) => logits.max)),
  };
}

/** Adds up kinds, each weighted by its regions. */
export function totalOf(kinds: readonly Agreement[], kind: string): Agreement {
  const regions = kinds.reduce((sum, each) => sum + each.regions, 0);
  const mean = (pick: (each: Agreement) => number) =>
    kinds.reduce((sum, each) => sum + pick(each) * each.regions, 0) / regions;
  return {
    kind,
    regions,
    equal: {
      torchvision: mean(({ equal }) => equal.torchvision),
      timm: mean(({ equal }) => equal.timm),
    },
    greatest: Math.max(...kinds.map(({ greatest }) => greatest)),
    sameClass: kinds.reduce((sum, each) => sum + each.sameClass, 0),
    meanDifference: mean(({ meanDifference }) => meanDifference),
    maxDifference: Math.max(...kinds.map(({ maxDifference }) => maxDifference)),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
