import { type Batch, type DataLoader, ensure, type ProgressFactory } from '@kd/core';
import { breathe } from '../breathe.ts';

/** A batch of a pass, and where it stands. */
export interface Passing {
  readonly batch: Batch;
  readonly view: number;
  /** Rows of this view before it. */
  readonly at: number;
}

export interface PassOptions {
  readonly where: string;
  readonly batches: DataLoader;
  readonly views: number;
  readonly label: string;
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Views for which this is true are left out. */
  readonly isDone?: (view: number) => boolean | Promise<boolean>;
}

/**
 * Every row under every view, with progress. @throws RangeError where a source deals more or fewer
 * rows than it says.
 */
export async function* passes({
  where: caller,
  batches,
  views,
  label,
  createProgress,
  signal,
  isDone,
}: PassOptions): AsyncGenerator<Passing, void, undefined> {
  const { size: rows } = batches;
  const progress = createProgress?.(label, views * rows, 'images');
  try {
    for (let view = 0; view < views; view++) {
      let at = 0;
      if (await isDone?.(view)) at = rows;
      else {
        for await (const batch of batches.iterateOnce(view)) {
          signal?.throwIfAborted();
          ensure(at + batch.indices.length <= rows, caller, `${rows} rows in view ${view}`, 'more');
          yield { batch, view, at };
          at += batch.indices.length;
          progress?.update(view * rows + at);
          await breathe();
        }
      }
      progress?.update(view * rows + at);
      ensure(at === rows, caller, `${rows} rows in view ${view}`, at);
    }
  } finally {
    progress?.end();
  }
}
