import { type Batch, ensure, type ViewKey } from '@kd/core';
import { toFloat16 } from '@kd/files';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type Layout, partsOf, rowsOfPart, sizeOf } from './layout.ts';
import { ofThis } from './ofThis.ts';
import { type Part, type Parts, readPart, writePart } from './part.ts';

/** What is told of every part of a view, written now or there already. */
export type OnPart = (view: number, from: number, part: Part) => void;

/** Gathers the rows of one view in order and writes the parts that are missing. */
export class PartWriter {
  readonly #where: string;
  readonly #parts: Parts;
  readonly #layout: Layout;
  readonly #view: ViewKey;
  readonly #number: number;
  readonly #onPart: OnPart;
  readonly #missing: Set<number>;
  #open: Part | undefined;

  /** @param number Of the view. */
  constructor(
    caller: string,
    parts: Parts,
    layout: Layout,
    view: ViewKey,
    number: number,
    onPart: OnPart,
  ) {
    this.#where = caller;
    this.#parts = parts;
    this.#layout = layout;
    this.#view = view;
    this.#number = number;
    this.#onPart = onPart;
    this.#missing = new Set(Array.from({ length: partsOf(layout, parts.rows) }, (_, part) => part));
  }

  /** Takes up the parts that are there. @returns How many are missing. */
  async takeUp(): Promise<number> {
    for (const part of [...this.#missing]) {
      const found = await ofThis(() =>
        readPart(this.#parts, this.#layout, this.#view, this.#number, part),
      );
      if (found === undefined) continue;
      this.#missing.delete(part);
      this.#onPart(this.#number, this.#range(part).from, found);
    }
    return this.#missing.size;
  }

  /** Whether some of these rows are missing. */
  needs(from: number, to: number): boolean {
    return [...this.#missing].some(
      (part) => this.#range(part).from < to && from < this.#range(part).to,
    );
  }

  /** @param at Rows before the batch. @param said Of the batch, by the names of the layout. */
  async add(
    at: number,
    { indices, labels }: Batch,
    said: Readonly<Record<string, Tensor>>,
  ): Promise<void> {
    const classes = (await labels.data()) as Int32Array;
    const values = await this.#read(said, indices);
    const to = at + indices.length;
    for (let from = at; from < to; ) {
      const part = Math.floor(from / this.#layout.rowsPerPart);
      const { from: start, to: end } = this.#range(part);
      const last = Math.min(to, end);
      if (this.#missing.has(part)) {
        const open = this.#open ?? this.#emptied(end - start);
        this.#open = open;
        open.rows.set(indices.subarray(from - at, last - at), from - start);
        open.labels.set(classes.subarray(from - at, last - at), from - start);
        for (const [name, feature] of Object.entries(this.#layout.tensors)) {
          const size = sizeOf(feature);
          open.tensors[name]?.set(
            (values[name] as Float32Array | Uint16Array).subarray(
              (from - at) * size,
              (last - at) * size,
            ),
            (from - start) * size,
          );
        }
        if (last === end) await this.#close(part, open);
      }
      from = last;
    }
  }

  async #close(part: number, open: Part): Promise<void> {
    await writePart(this.#parts, this.#layout, this.#view, this.#number, part, open);
    this.#missing.delete(part);
    this.#open = undefined;
    this.#onPart(this.#number, this.#range(part).from, open);
  }

  /**
   * The numbers as they are kept. @throws RangeError on another shape, and on a number that is not
   * finite.
   */
  async #read(
    said: Readonly<Record<string, Tensor>>,
    indices: Int32Array,
  ): Promise<Record<string, Float32Array | Uint16Array>> {
    const read: Record<string, Float32Array | Uint16Array> = {};
    for (const [name, feature] of Object.entries(this.#layout.tensors)) {
      const tensor = said[name] as Tensor;
      const shape = [indices.length, ...feature.shape];
      ensure(
        tensor.shape.join() === shape.join(),
        this.#where,
        `${name} of shape [${shape.join(', ')}]`,
        tensor.shape,
      );
      const values = (await tensor.data()) as Float32Array;
      const wrong = values.findIndex((value) => !Number.isFinite(value));
      const row = () => indices[Math.floor(wrong / sizeOf(feature))];
      ensure(
        wrong < 0,
        this.#where,
        `finite ${name}`,
        `${values[wrong]} for row ${wrong < 0 ? '' : row()}`,
        'the network has diverged',
      );
      read[name] = feature.dtype === 'F16' ? toFloat16(this.#where, values) : values;
    }
    return read;
  }

  #emptied(rows: number): Part {
    const tensors = Object.entries(this.#layout.tensors).map(([name, feature]) => {
      const size = rows * sizeOf(feature);
      return [
        name,
        feature.dtype === 'F16' ? new Uint16Array(size) : new Float32Array(size),
      ] as const;
    });
    return {
      rows: new Int32Array(rows),
      labels: new Int32Array(rows),
      tensors: Object.fromEntries(tensors),
    };
  }

  #range(part: number): { readonly from: number; readonly to: number } {
    return rowsOfPart(this.#layout, part, this.#parts.rows);
  }
}
