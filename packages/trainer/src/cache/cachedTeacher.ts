import {
  type Batch,
  type DataLoader,
  ensure,
  expectedError,
  type ModelFingerprint,
  type Outputs,
  type Store,
  type Teacher,
} from '@kd/core';
import { type Tensor, type Tensor2D, tensor } from '@tensorflow/tfjs-core';
import { cacheKey, LOGITS, TEACHER_FILE } from './format.ts';
import { type CachedView, type CacheReader, openCache } from './lookup.ts';
import { countCorrect, countLabelled } from './outputWriter.ts';

/** Options of `cachedTeacher`. */
export interface CachedTeacherOptions {
  readonly store: Store;
  /** File of the manifest; `teacher.safetensors`. */
  readonly file?: string | undefined;
  /** The training data; the cache must be of them. */
  readonly data: DataLoader;
  /** Fingerprint of the teacher that was cached: `await teacher.fingerprint()`. */
  readonly teacher: ModelFingerprint;
  /**
   * Outputs that the teacher returns, which must be cached; `logits` by default. Memory: all images
   * under one view.
   */
  readonly outputs?: readonly string[] | undefined;
  /** Number of views that must be cached, from the first; all of the data loader by default. */
  readonly views?: number | undefined;
}

/**
 * A teacher whose outputs are looked up by image and view in a cache. It costs a copy of its
 * outputs per image.
 *
 * A view is read when its first batch comes: use `predictAsync`, as `train` does. A direct call
 * works for the view that was read last.
 *
 * When it is opened, data set, images, teacher and views of the cache must be the given ones, and
 * the accuracy, computed again from the labels of `data`, must be that of the manifest: logits that
 * do not belong to their images are noticed here.
 * @throws RangeError that names what does not fit; later, on an image or a view that is not cached.
 */
export async function cachedTeacher(options: CachedTeacherOptions): Promise<Teacher> {
  const { store, file = TEACHER_FILE, data, teacher, outputs = [LOGITS] } = options;
  const { views = data.viewCount } = options;
  ensure(
    Number.isFinite(views),
    'cachedTeacher',
    'data with a finite number of views',
    views,
    'pass viewCount to dataLoader',
  );
  ensure(outputs.includes(LOGITS), 'cachedTeacher', 'logits among the outputs', outputs);
  const key = await cacheKey(data, teacher, views);
  const reader = await openCache('cachedTeacher', { store, file, kind: 'teacher', key, outputs });
  await expectAccuracy(reader, data);
  let last: { readonly viewNumber: number; readonly view: CachedView } | undefined;
  const direct = (batch: Batch): Outputs => {
    if (last?.viewNumber !== reader.viewNumber(batch.view))
      throw expectedError(
        reader.caller,
        'to be evaluated by predictAsync',
        'a direct call for a view that is not read yet',
        'await teacher.predictAsync(batch)',
      );
    return lookUp(reader, last.view, outputs, batch);
  };
  const predictAsync = async (batch: Batch): Promise<Outputs> => {
    const viewNumber = reader.viewNumber(batch.view);
    last = { viewNumber, view: await reader.view(viewNumber) };
    return lookUp(reader, last.view, outputs, batch);
  };
  return Object.assign(direct, { predictAsync, fingerprint: async () => teacher });
}

function lookUp(
  reader: CacheReader,
  view: CachedView,
  outputs: readonly string[],
  { indices }: Batch,
): Outputs {
  const values = outputs.map((output) => reader.gather(view, output, indices));
  const tensors = Object.fromEntries(
    outputs.map((output, at) => {
      const { shape } = reader.cache.outputs[output] as { readonly shape: readonly number[] };
      return [output, tensor(values[at] as Float32Array, [indices.length, ...shape])];
    }),
  );
  const { [LOGITS]: logits, ...features } = tensors;
  return { logits: logits as Tensor2D, features: features as Record<string, Tensor> };
}

async function expectAccuracy(
  { caller, cache, shards }: CacheReader,
  data: DataLoader,
): Promise<void> {
  const labels = new Map<number, number>();
  for await (const { indices, labels: tensor } of data.iterateOnce()) {
    const values = await tensor.data();
    for (const [at, index] of indices.entries()) labels.set(index, values[at] as number);
  }
  const labelled = Math.max(1, countLabelled(Int32Array.from(labels.values())));
  for (let viewNumber = 0; viewNumber < cache.views.length; viewNumber++) {
    let correct = 0;
    for await (const { indices, values } of shards(viewNumber, LOGITS))
      correct += countCorrect({
        labels: indices.map((index) => labels.get(index) ?? -1),
        values,
      });
    const expected = cache.accuracy[viewNumber] as number;
    const got = correct / labelled;
    ensure(
      Math.abs(got - expected) < 1e-9,
      caller,
      `accuracy ${expected} in view ${viewNumber}`,
      got,
      'images and logits do not belong together; cache the teacher again',
    );
  }
}
