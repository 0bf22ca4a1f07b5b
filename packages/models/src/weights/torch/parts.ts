import { PickledObject } from '@kd/files/pickle';
import { moduleTensors } from './moduleTensors.ts';
import { TensorRecord, TorchName } from './records.ts';

/** How deep parts are looked for: `model.state_dict` is the second level. */
const depthLimit = 3;
const partLimit = 1000;
const keyLimit = 256;

/**
 * What a state dict may be in: a dict, an object that is a kind of dict, a whole module. @returns
 * undefined for anything else.
 */
export function dictOf(value: unknown): ReadonlyMap<unknown, unknown> | undefined {
  if (value instanceof Map) return value;
  if (!(value instanceof PickledObject)) return undefined;
  return value.items.size > 0 ? value.items : moduleTensors(value);
}

/** A tensor, or what a call that makes tensors of another kind is kept as. */
export function isTensor(value: unknown): boolean {
  return (
    value instanceof TensorRecord ||
    (value instanceof PickledObject && /^torch\._(utils|tensor)\._rebuild/.test(value.callee))
  );
}

export function holdsTensors(value: unknown): boolean {
  const dict = dictOf(value);
  return dict !== undefined && hasTensors(dict);
}

function hasTensors(dict: ReadonlyMap<unknown, unknown>): boolean {
  for (const inner of dict.values()) if (isTensor(inner)) return true;
  return false;
}

/**
 * The dicts of tensors inside a value, by their keys with dots between: `model`, `ema.state_dict`.
 * The value itself is not among them.
 */
export function partsOf(root: unknown): ReadonlyMap<string, ReadonlyMap<unknown, unknown>> {
  const parts = new Map<string, ReadonlyMap<unknown, unknown>>();
  // A value may be in many places: it is looked into once.
  const looked = new Map<unknown, ReadonlyMap<unknown, unknown> | undefined>();
  const look = (
    dict: ReadonlyMap<unknown, unknown> | undefined,
    path: string,
    depth: number,
  ): void => {
    for (const [key, inner] of dict ?? []) {
      if (
        typeof key !== 'string' ||
        key.length > keyLimit ||
        typeof inner !== 'object' ||
        inner === null ||
        parts.size >= partLimit
      )
        continue;
      const isNew = !looked.has(inner);
      if (isNew) looked.set(inner, dictOf(inner));
      const innerDict = looked.get(inner);
      if (isNew && innerDict !== undefined && !hasTensors(innerDict)) {
        looked.set(inner, undefined);
        if (depth < depthLimit) look(innerDict, `${path}${key}.`, depth + 1);
      } else if (innerDict !== undefined) parts.set(path + key, innerDict);
    }
  };
  look(dictOf(root), '', 1);
  return parts;
}

/** What a value is, in a few words, for messages. */
export function describe(value: unknown): string {
  if (value === null || ['boolean', 'number', 'bigint'].includes(typeof value))
    return String(value);
  if (typeof value === 'string') return value.length <= 40 ? JSON.stringify(value) : 'a text';
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof PickledObject) return value.callee;
  if (value instanceof TorchName) return value.name;
  return value instanceof TensorRecord ? 'a tensor' : 'other data';
}
