import type { PreprocessingOptions } from '../preprocessing/preprocess.ts';
import { resizeOptions } from '../preprocessing/preprocess.ts';
import { centerOf } from '../preprocessing/resize.ts';
import { affineOperation } from './writing/foldAffine.ts';
import type { GraphWriter } from './writing/graphWriter.ts';

/** Shape of the prepared images. @param shape [height, width, channels] of the images. */
export function preparedShape(
  options: PreprocessingOptions,
  [height, width, channels]: ImageShape,
): ImageShape {
  const { size } = resizeOptions('networkGraph', options) ?? {};
  return size === undefined ? [height, width, channels] : [size, size, channels];
}

export type ImageShape = readonly [height: number, width: number, channels: number];

/**
 * Writes a network's preprocessing: `resized`, `cropped` and `normalized` behind the input's name.
 * Images that grow are normalized first, as the network does it.
 * @returns The name of the prepared images.
 */
export function writePreparation(
  graph: GraphWriter,
  options: PreprocessingOptions,
  input: string,
): string {
  const shape = graph.shapeOf(input) as ImageShape;
  const [height, width] = preparedShape(options, shape);
  const grows = shape[0] * shape[1] < height * width;
  return grows
    ? writeResize(graph, options, writeNormalization(graph, options, input, input), input)
    : writeNormalization(graph, options, writeResize(graph, options, input, input), input);
}

function writeNormalization(
  graph: GraphWriter,
  { normalize }: PreprocessingOptions,
  images: string,
  input: string,
): string {
  if (normalize === undefined) return images;
  const { mean, std } = normalize;
  const scale = Float64Array.from(std, (value) => 1 / value);
  const offset = scale.map((value, channel) => -(mean[channel] as number) * value);
  return graph.add(`${input}.normalized`, [images], affineOperation({ scale, offset }));
}

/** Writes the resizing and the center crop. Images of the right size already are left alone. */
function writeResize(
  graph: GraphWriter,
  options: PreprocessingOptions,
  images: string,
  input: string,
): string {
  const resizing = resizeOptions('networkGraph', options);
  const [height, width, channels] = graph.shapeOf(images) as ImageShape;
  if (resizing === undefined || (height === resizing.size && width === resizing.size))
    return images;
  const { size, interpolation, antialias } = resizing;
  const short = Math.min(height, width);
  const [rows, columns] = [centerOf(height, short, resizing), centerOf(width, short, resizing)];
  const keepsSize = rows.resized === height && columns.resized === width;
  const resized = keepsSize
    ? images
    : graph.add(`${input}.resized`, [images], { kind: 'resize', interpolation, antialias }, [
        rows.resized,
        columns.resized,
        channels,
      ]);
  if (rows.resized === size && columns.resized === size) return resized;
  return graph.add(
    `${input}.cropped`,
    [resized],
    { kind: 'crop', top: rows.start, left: columns.start },
    [size, size, channels],
  );
}
