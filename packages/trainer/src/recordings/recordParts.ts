import {
  type Batch,
  type DataLoader,
  ensure,
  type ProgressFactory,
  type Store,
  type ViewKey,
} from '@kd/core';
import { dispose, type Tensor } from '@tensorflow/tfjs-core';
import type { OutputCacheKey } from '../teachers/manifest.ts';
import {
  checkedLayout,
  type Layout,
  layoutOf,
  PART_BYTES,
  type RecordedFeature,
} from './layout.ts';
import { ofThis } from './ofThis.ts';
import { keyOf, type Part, type Parts, readTensors } from './part.ts';
import { PartWriter } from './partWriter.ts';
import { passes } from './passes.ts';

export interface RecordPartsOptions {
  readonly where: string;
  readonly store: Store;
  readonly file: string;
  readonly batches: DataLoader;
  readonly wanted: OutputCacheKey;
  /** Tensors by the names that they have in the files, and how exactly they are kept. */
  readonly dtypes: Readonly<Record<string, RecordedFeature['dtype']>>;
  /** Bytes of numbers in a file at most; 32 MiB. */
  readonly partBytes?: number | undefined;
  /** What is said of a batch, by those names; freed here. */
  readonly ask: (batch: Batch) => Promise<Readonly<Record<string, Tensor>>>;
  /** Told of every part in order, those that were there included. */
  readonly onPart?: (view: number, from: number, part: Part) => void;
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is written next to the parts. */
export interface RecordedParts {
  readonly layout: Layout;
  readonly rows: Int32Array;
  readonly labels: Int32Array;
}

/**
 * Records what is missing of some activations of every row under every view, part by part: an
 * interrupted recording goes on where it stood.
 */
export async function recordParts(options: RecordPartsOptions): Promise<RecordedParts> {
  const {
    where,
    store,
    file,
    batches,
    wanted,
    dtypes,
    ask,
    createProgress,
    signal,
    partBytes = PART_BYTES,
  } = options;
  const parts: Parts = { store, file, key: await keyOf(wanted), rows: wanted.rows };
  const rows = new Int32Array(wanted.rows);
  const labels = new Int32Array(wanted.rows);
  const onPart = (view: number, from: number, part: Part) => {
    rows.set(part.rows, from);
    labels.set(part.labels, from);
    options.onPart?.(view, from, part);
  };
  let layout = await layoutBegun(parts, wanted, dtypes, partBytes);
  let writer: PartWriter | undefined;
  /** Takes up the parts of a view that are there. @returns Whether they are all. */
  const isDone = async (view: number): Promise<boolean> => {
    if (layout === undefined) return false;
    writer = new PartWriter(where, parts, layout, wanted.views[view] as ViewKey, view, onPart);
    return (await writer.takeUp()) === 0;
  };
  const label = `record ${wanted.teacher.name}`;
  for await (const { batch, view, at } of passes({
    where,
    batches,
    views: wanted.views.length,
    label,
    createProgress,
    signal,
    isDone,
  })) {
    if (writer !== undefined && !writer.needs(at, at + batch.indices.length)) continue;
    const said = await ask(batch);
    try {
      layout ??= layoutOf(featuresOf(where, said, dtypes, batch), wanted.rows, partBytes);
      writer ??= new PartWriter(where, parts, layout, wanted.views[view] as ViewKey, view, onPart);
      await writer.add(at, batch, said);
    } finally {
      dispose(said as Record<string, Tensor>);
    }
  }
  ensure(layout !== undefined, where, 'pictures', 'none');
  return { layout, rows, labels };
}

function featuresOf(
  caller: string,
  said: Readonly<Record<string, Tensor>>,
  dtypes: RecordPartsOptions['dtypes'],
  { indices }: Batch,
): Layout['tensors'] {
  return Object.fromEntries(
    Object.entries(dtypes).map(([name, dtype]) => {
      const tensor = said[name];
      ensure(tensor !== undefined, caller, name, Object.keys(said));
      const [count, ...shape] = tensor.shape;
      ensure(
        count === indices.length && shape.length >= 1,
        caller,
        `${name} of shape [${indices.length}, …]`,
        tensor.shape,
      );
      return [name, { shape, dtype }];
    }),
  );
}

/**
 * The layout of a recording that was begun, from its first part; undefined where there is none of
 * this.
 */
function layoutBegun(
  parts: Parts,
  wanted: OutputCacheKey,
  dtypes: RecordPartsOptions['dtypes'],
  partBytes: number,
): Promise<Layout | undefined> {
  return ofThis(async () => {
    const view = wanted.views[0] as ViewKey;
    const read = await readTensors(parts, view, 0, 0);
    if (
      read === undefined ||
      !Object.entries(dtypes).every(([name, dtype]) => read.tensors[name]?.dtype === dtype)
    )
      return undefined;
    const tensors = Object.fromEntries(
      Object.entries(dtypes).map(([name, dtype]) => [
        name,
        { shape: read.tensors[name]?.shape.slice(1) ?? [], dtype },
      ]),
    );
    return checkedLayout(read.where, layoutOf(tensors, parts.rows, partBytes));
  });
}
