import { ensure } from '@kd/core';
import {
  assertColors,
  assertProbability,
  assertRange,
  drawBelow,
  drawBetween,
  drawMore,
  type PixelTransform,
  type Range,
} from './augmentation.ts';
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  hueRange,
  toGrayscale,
} from './color.ts';

/**
 * Options of `colorJitter`: strengths, where a strength s draws factors between max(0, 1 − s) and
 * 1 + s (for the hue: turns between −s and s), or the range itself. What is left out stays.
 */
export interface ColorJitterOptions {
  /** 0.4 is usual. */
  readonly brightness?: number | Range;
  /** 0.4 is usual. */
  readonly contrast?: number | Range;
  /** 0.4 is usual. */
  readonly saturation?: number | Range;
  /** In whole circles, within −0.5 and 0.5; 0.1 is usual. */
  readonly hue?: number | Range;
}

/**
 * Changes brightness, contrast, saturation and hue by random factors, in a random order: the
 * `ColorJitter` of torchvision on PIL images, its pixels to the last bit for the same factors and
 * order.
 */
export function colorJitter(options: ColorJitterOptions): PixelTransform {
  const brightness = factorRange('brightness', options.brightness);
  const contrast = factorRange('contrast', options.contrast);
  const saturation = factorRange('saturation', options.saturation);
  const hue = hueTurns(options.hue);
  const ranges = { brightness, contrast, saturation, hue };
  const named = Object.entries(ranges).filter(([, range]) => range !== undefined);
  ensure(named.length > 0, 'colorJitter', 'something to change', 'no option');
  return {
    spec: `colorJitter(${named.map(([name, range]) => `${name}=${range?.join('..')}`).join(',')})`,
    apply(pixels, [, , channels], words) {
      assertColors('colorJitter', channels);
      const draw = drawMore(words);
      const order = [0, 1, 2, 3];
      for (let at = 3; at > 0; at--) {
        const other = drawBelow(at + 1, draw);
        [order[at], order[other]] = [order[other] as number, order[at] as number];
      }
      // Four numbers are drawn whatever is left out, so that one option does not move another.
      const [b, c, s, h] = [brightness, contrast, saturation, hue].map((range) =>
        drawBetween(range ?? [1, 1], draw),
      ) as [number, number, number, number];
      for (const kind of order) {
        if (kind === 0 && brightness !== undefined) adjustBrightness(pixels, b);
        if (kind === 1 && contrast !== undefined) adjustContrast(pixels, channels, c);
        if (kind === 2 && saturation !== undefined) adjustSaturation(pixels, channels, s);
        if (kind === 3 && hue !== undefined) adjustHue(pixels, channels, h);
      }
    },
  };
}

function factorRange(name: string, given: number | Range | undefined): Range | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'number')
    ensure(given >= 0 && Number.isFinite(given), 'colorJitter', `${name} ≥ 0`, given);
  const range: Range = typeof given === 'number' ? [Math.max(0, 1 - given), 1 + given] : given;
  assertRange('colorJitter', name, range, [0, 1e3]);
  return range[0] === 1 && range[1] === 1 ? undefined : range;
}

function hueTurns(given: number | Range | undefined): Range | undefined {
  if (given === undefined) return undefined;
  const range: Range = typeof given === 'number' ? [-given, given] : given;
  assertRange('colorJitter', 'hue', range, hueRange);
  return range[0] === 0 && range[1] === 0 ? undefined : range;
}

/**
 * Replaces the colors by their luminance.
 * @param options.probability 0–1; 0.1.
 */
export function randomGrayscale({
  probability = 0.1,
}: {
  readonly probability?: number;
} = {}): PixelTransform {
  assertProbability('randomGrayscale', probability);
  return {
    spec: `randomGrayscale(probability=${probability})`,
    apply(pixels, [, , channels], [word]) {
      assertColors('randomGrayscale', channels);
      if (word / 2 ** 32 < probability) toGrayscale(pixels, channels);
    },
  };
}
