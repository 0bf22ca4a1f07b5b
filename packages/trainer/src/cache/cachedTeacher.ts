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
import { cacheKey, LOGITS, sizeOf, TEACHER_FILE } from './format.ts';
import { type CacheReader, openCache } from './lookup.ts';
import { countCorrect, countLabelled } from './outputWriter.ts';
import { type CachedView, layoutOf } from './views.ts';

/** Options of `cachedTeacher`. */
export interface CachedTeacherOptions {
  readonly store: Store;
  /** File of the manifest; `teacher.safetensors`. */
  readonly file?: string | undefined;
  /** The training data; the cache must be of them. */
  readonly data: DataLoader;
  /** Fingerprint of the teacher that was cached: `await teacher.fingerprint()`. */
  readonly teacher: ModelFingerprint;
  /** Outputs that the teacher returns, which must be cached; `logits` by default. */
  readonly outputs?: readonly string[] | undefined;
  /**
   * Bytes of the outputs of all images under one view that may be in memory; 2²⁹, which is 512 MiB.
   * Larger ones are read from the store row by row, if it can do that (a `directoryStore` can).
   */
  readonly memoryBytes?: number | undefined;
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
  const { views = data.viewCount, memoryBytes } = options;
  ensure(
    Number.isFinite(views),
    'cachedTeacher',
    'data with a finite number of views',
    views,
    'pass viewCount to dataLoader',
  );
  ensure(outputs.includes(LOGITS), 'cachedTeacher', 'logits among the outputs', outputs);
  const key = await cacheKey(data, teacher, views);
  const cache = { store, file, kind: 'teacher', key, outputs, memoryBytes } as const;
  const reader = await openCache('cachedTeacher', cache);
  await expectAccuracy(reader, data);
  let last: { readonly viewNumber: number; readonly view: CachedView } | undefined;
  const direct = (batch: Batch): Outputs => {
    const { gatherNow } = last?.view ?? {};
    if (last?.viewNumber !== reader.viewNumber(batch.view) || gatherNow === undefined)
      throw expectedError(
        reader.caller,
        'to be evaluated by predictAsync',
        last?.viewNumber === reader.viewNumber(batch.view)
          ? 'a direct call for a view that is larger than memoryBytes'
          : 'a direct call for a view that is not read yet',
        'await teacher.predictAsync(batch)',
      );
    const rows = reader.rowsOf(batch.indices);
    return toOutputs(
      reader,
      outputs,
      outputs.map((output) => gatherNow(output, rows)),
    );
  };
  const predictAsync = async (batch: Batch): Promise<Outputs> => {
    const viewNumber = reader.viewNumber(batch.view);
    const view = await reader.view(viewNumber);
    last = { viewNumber, view };
    const rows = reader.rowsOf(batch.indices);
    const values: Float32Array[] = [];
    for (const output of outputs) values.push(await view.gather(output, rows));
    return toOutputs(reader, outputs, values);
  };
  return Object.assign(direct, { predictAsync, fingerprint: async () => teacher });
}

/** @param values Of each output, [images, …shape]. */
function toOutputs(
  { cache }: CacheReader,
  outputs: readonly string[],
  values: readonly Float32Array[],
): Outputs {
  const tensors = Object.fromEntries(
    outputs.map((output, at) => {
      const layout = layoutOf(cache.outputs, output);
      const numbers = values[at] as Float32Array;
      return [output, tensor(numbers, [numbers.length / sizeOf(layout), ...layout.shape])];
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
