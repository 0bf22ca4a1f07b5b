export { type BatchOptions, batches } from './batches.ts';
export { type ImageSet, type ImageSetParts, imageSet } from './imageSet.ts';
export { split } from './split.ts';
export { take } from './take.ts';
export { crop } from './views/crop.ts';
export { cutout } from './views/cutout.ts';
export { flip } from './views/flip.ts';
export type { Draws, MovingTransform, PaintingTransform, ViewTransform } from './views/viewTransform.ts';
