import { hashName, philox4x32 } from '@kd/core';
import type { Augmentation } from './viewTransform.ts';

/**
 * Writes one row's picture under one view. @param out float32 of many pictures, zeros so far.
 * @param at Where this one starts.
 */
export type AugmentationRenderer = (
  pixels: Uint8Array,
  row: number,
  viewSeed: number,
  out: Float32Array,
  at: number,
) => void;

/** byte → 0–1: as exact as a division and quicker. */
const fractions = Float32Array.from({ length: 256 }, (_, value) => value / 255);

/**
 * Composes transforms. Moving ones are composed as positions, so that crop and flip together read
 * each pixel once
 * (that is what makes 40,000 32×32 pictures a second possible on one core).
 */
export function augmentationRenderer(
  views: readonly Augmentation[],
  imageShape: readonly [number, number, number],
): AugmentationRenderer {
  const [height, width, channels] = imageShape;
  const places = height * width;
  const size = places * channels;
  const still = Int32Array.from({ length: places }, (_, place) => place);
  const maps = [new Int32Array(places), new Int32Array(places)] as const;
  const pictures = [new Uint8Array(size), new Uint8Array(size)] as const;
  const drawn = new Uint32Array(4);
  const draws: [number, number, number, number] = [0, 0, 0, 0];
  const streams = views.map((_, number) => hashName(`view transform ${number}`));

  return (pixels, row, viewSeed, out, at) => {
    let picture = pixels;
    let start = row * size;
    let map = still;
    for (let number = 0; number < views.length; number++) {
      const view = views[number] as Augmentation;
      philox4x32(viewSeed, streams[number] as number, row, drawn);
      for (let word = 0; word < 4; word++) draws[word] = drawn[word] as number;
      if ('move' in view) {
        const target = map === maps[0] ? maps[1] : maps[0];
        view.move(map, target, imageShape, draws);
        map = target;
      } else {
        const target = picture === pictures[0] ? pictures[1] : pictures[0];
        gatherBytes(picture, start, map, channels, target);
        view.paint(target, imageShape, draws);
        picture = target;
        start = 0;
        map = still;
      }
    }
    if (map === still) copyFractions(picture, start, size, out, at);
    else gatherFractions(picture, start, map, channels, out, at);
  };
}

function copyFractions(
  picture: Uint8Array,
  start: number,
  size: number,
  out: Float32Array,
  at: number,
): void {
  for (let value = 0; value < size; value++)
    out[at + value] = fractions[picture[start + value] as number] as number;
}

function gatherFractions(
  picture: Uint8Array,
  start: number,
  map: Int32Array,
  channels: number,
  out: Float32Array,
  at: number,
): void {
  if (channels === 3) {
    gatherColours(picture, start, map, out, at);
    return;
  }
  for (let place = 0; place < map.length; place++) {
    const there = start + (map[place] as number) * channels;
    for (let channel = 0; channel < channels; channel++) {
      if (there >= start) out[at] = fractions[picture[there + channel] as number] as number;
      at++;
    }
  }
}

/** Three channels written out: 5 µs where the loop takes 9 µs for a 32×32 picture. */
function gatherColours(
  picture: Uint8Array,
  start: number,
  map: Int32Array,
  out: Float32Array,
  at: number,
): void {
  for (let place = 0; place < map.length; place++) {
    const there = start + (map[place] as number) * 3;
    if (there >= start) {
      out[at] = fractions[picture[there] as number] as number;
      out[at + 1] = fractions[picture[there + 1] as number] as number;
      out[at + 2] = fractions[picture[there + 2] as number] as number;
    }
    at += 3;
  }
}

function gatherBytes(
  picture: Uint8Array,
  start: number,
  map: Int32Array,
  channels: number,
  target: Uint8Array,
): void {
  let at = 0;
  for (let place = 0; place < map.length; place++) {
    const there = start + (map[place] as number) * channels;
    for (let channel = 0; channel < channels; channel++)
      target[at++] = there < start ? 0 : (picture[there + channel] as number);
  }
}
