/**
 * What a runtime of somebody else is to the checks: it loads a file and answers for images. Each
 * runs on one thread, so that their times compare.
 */

/** What a file takes and gives. */
export interface ModelInterface {
  /** [height, width, channels] of the images that it takes. */
  readonly imageShape: readonly [number, number, number];
  /** Order of its input's axes. */
  readonly layout: 'nhwc' | 'nchw';
  /** Number of its answers for an image. */
  readonly classes: number;
}

/** The answers for a batch. */
export interface Answers {
  /** [batch × classes], row-major: logits, or probabilities where the file ends in softmax. */
  readonly values: Float32Array;
  /** Time of the runtime for the batch, without what it takes to hand it over. */
  readonly milliseconds: number;
}

/** A file that a runtime has loaded. */
export interface LoadedModel {
  /** Time from the file to a model that is ready, in milliseconds. */
  readonly loadMilliseconds: number;
  /** @param images [batch × height × width × channels], 0–1, row-major, whatever the layout. */
  run(images: Float32Array, batch: number): Promise<Answers>;
  close(): Promise<void>;
}

/** A runtime that is here. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  /** How it runs: threads, batches, engine. */
  readonly settings: string;
  /**
   * Loads a file, or a directory of files.
   * @throws Error with what the runtime says where it refuses the file.
   */
  load(file: string, model: ModelInterface): Promise<LoadedModel>;
}

/** A runtime that is not here, and why. */
export interface MissingRuntime {
  readonly name: string;
  readonly reason: string;
}

/** Returns images with the axes in the order that a file takes. */
export function arrange(
  images: Float32Array,
  batch: number,
  { imageShape, layout }: ModelInterface,
): Float32Array {
  if (layout === 'nhwc') return images;
  const [height, width, channels] = imageShape;
  const positions = height * width;
  const planes = new Float32Array(images.length);
  for (let image = 0; image < batch; image++)
    for (let at = 0; at < positions; at++)
      for (let channel = 0; channel < channels; channel++)
        planes[(image * channels + channel) * positions + at] = images[
          (image * positions + at) * channels + channel
        ] as number;
  return planes;
}

/** Shape of a file's input for a batch. */
export function inputShape(batch: number, { imageShape, layout }: ModelInterface): number[] {
  const [height, width, channels] = imageShape;
  return layout === 'nhwc' ? [batch, height, width, channels] : [batch, channels, height, width];
}
