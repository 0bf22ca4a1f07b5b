import { expectedError } from '@kd/core';
import { PickledObject } from '@kd/files/pickle';
import { TensorRecord, TorchName } from './torchUnpickler.ts';

/** Keys under which training scripts usually store the weights. */
const usualKeys = [
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'module',
  'weights',
  'params',
];
/** Keys of averaged copies, and of what is not a network. */
const otherKeys = /ema|averaged|swa|optim|sched|scaler/i;

export interface StateDict {
  /** Name → tensor, or something else. */
  readonly dict: ReadonlyMap<unknown, unknown>;
  /** Key in the checkpoint; empty if the state dict is the whole of it. */
  readonly part: string;
}

/**
 * Finds the state dict in a checkpoint: the requested part; or the only one under a usual key; or
 * the whole; or the only dict of tensors that is neither an averaged copy (`model_ema`) nor an
 * optimizer's.
 * @throws RangeError that lists the content, if none is found or several are.
 */
export function findStateDict(
  root: unknown,
  requested: string | undefined,
  fileName: string,
): StateDict {
  const parts = tensorDicts(root);
  const names = [...parts.keys()];
  const choice = names.map((name) => `{ part: '${name}' }`).join(' or ');
  if (requested !== undefined) {
    const dict = requested === '' ? dictOf(root) : parts.get(requested);
    if (dict !== undefined && (requested !== '' || isTensorDict(root)))
      return { dict, part: requested };
    throw expectedError(
      fileName,
      `tensors under '${requested}'`,
      describeContent(root),
      names.length > 0 ? `pass ${choice}` : undefined,
    );
  }
  const plain = names.filter((name) => name.split('.').every((key) => usualKeys.includes(key)));
  const candidates =
    plain.length > 0 || isTensorDict(root) ? plain : names.filter((name) => !otherKeys.test(name));
  const [part] = candidates;
  if (part !== undefined && candidates.length === 1)
    return { dict: parts.get(part) as StateDict['dict'], part };
  if (candidates.length > 1)
    throw expectedError(
      fileName,
      'one state dict',
      `several: ${candidates.join(', ')}`,
      `pass ${choice}`,
    );
  const whole = dictOf(root);
  if (whole !== undefined && isTensorDict(root)) return { dict: whole, part: '' };
  throw expectedError(
    fileName,
    'a state dict',
    describeContent(root),
    names.length > 0 ? `pass ${choice}` : 'in Python: torch.save(model.state_dict(), …)',
  );
}

/** `a dict of "epoch" (3), "args" (argparse.Namespace)`, with at most `limit` keys. */
function describeContent(root: unknown, limit = 20): string {
  const dict = dictOf(root);
  if (dict === undefined) return describe(root);
  const keys = [...dict]
    .slice(0, limit)
    .map(([key, value]) => `${describe(key)} (${describe(value)})`);
  return `a dict of ${keys.join(', ')}${dict.size > limit ? ' …' : ''}`;
}

/** Depth to which parts are searched: `model.state_dict` is at the second level. */
const depthLimit = 3;
const partLimit = 1000;
const keyLimit = 256;

/**
 * A value as a dict, if it is one, an object of a subclass of dict, or a whole module.
 * @returns undefined for anything else.
 */
export function dictOf(value: unknown): ReadonlyMap<unknown, unknown> | undefined {
  if (value instanceof Map) return value;
  if (!(value instanceof PickledObject)) return undefined;
  return value.items.size > 0 ? value.items : moduleTensors(value);
}

/** A tensor, or the call of a function that creates a tensor of an unsupported kind. */
export function isTensor(value: unknown): boolean {
  return (
    value instanceof TensorRecord ||
    (value instanceof PickledObject && /^torch\._(utils|tensor)\._rebuild/.test(value.callee))
  );
}

export function isTensorDict(value: unknown): boolean {
  const dict = dictOf(value);
  return dict !== undefined && hasTensors(dict);
}

function hasTensors(dict: ReadonlyMap<unknown, unknown>): boolean {
  for (const inner of dict.values()) if (isTensor(inner)) return true;
  return false;
}

/**
 * The dicts of tensors inside a value, by their keys joined with dots: `model`, `ema.state_dict`.
 * The value itself is not among them.
 */
function tensorDicts(root: unknown): ReadonlyMap<string, ReadonlyMap<unknown, unknown>> {
  const parts = new Map<string, ReadonlyMap<unknown, unknown>>();
  // A value may occur several times: it is searched once.
  const searched = new Map<unknown, ReadonlyMap<unknown, unknown> | undefined>();
  const search = (
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
      const isNew = !searched.has(inner);
      if (isNew) searched.set(inner, dictOf(inner));
      const innerDict = searched.get(inner);
      if (isNew && innerDict !== undefined && !hasTensors(innerDict)) {
        searched.set(inner, undefined);
        if (depth < depthLimit) search(innerDict, `${path}${key}.`, depth + 1);
      } else if (innerDict !== undefined) parts.set(path + key, innerDict);
    }
  };
  search(dictOf(root), '', 1);
  return parts;
}

/** Describes a value in a few words, for messages. */
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

/** Limits for a pickled module; real ones are ten deep and have some thousand tensors. */
const moduleDepthLimit = 64;
const nameLimit = 512;
const tensorLimit = 100_000;

/**
 * The state dict of a module that was pickled whole (`torch.save(model)`). Its class is not known
 * and not needed, since parameters, buffers and inner modules are in dicts with fixed names.
 * Non-persistent buffers are left out, as in PyTorch.
 * @returns undefined if it is no module, or one that contains itself or exceeds the limits.
 */
function moduleTensors(module: PickledObject): ReadonlyMap<string, unknown> | undefined {
  const tensors = new Map<string, unknown>();
  let visited = 0;
  const put = (
    values: ReadonlyMap<unknown, unknown>,
    prefix: string,
    nonPersistent?: ReadonlySet<unknown>,
  ): boolean => {
    for (const [name, tensor] of values) {
      visited++;
      if (
        visited > tensorLimit ||
        typeof name !== 'string' ||
        prefix.length + name.length > nameLimit
      )
        return false;
      if (tensor !== null && !nonPersistent?.has(name)) tensors.set(prefix + name, tensor);
    }
    return true;
  };
  const visit = (value: unknown, prefix: string, depth: number): boolean => {
    visited++;
    const attributes = value instanceof PickledObject ? attributesOf(value) : undefined;
    if (attributes === undefined) return value === null;
    const { parameters, buffers, modules, nonPersistent } = attributes;
    if (
      depth > moduleDepthLimit ||
      !put(parameters, prefix) ||
      !put(buffers, prefix, nonPersistent)
    )
      return false;
    for (const [name, inner] of modules) {
      if (
        visited > tensorLimit ||
        typeof name !== 'string' ||
        prefix.length + name.length > nameLimit
      )
        return false;
      if (!visit(inner, `${prefix}${name}.`, depth + 1)) return false;
    }
    return true;
  };
  return visit(module, '', 0) ? tensors : undefined;
}

interface Attributes {
  readonly parameters: ReadonlyMap<unknown, unknown>;
  readonly buffers: ReadonlyMap<unknown, unknown>;
  readonly modules: ReadonlyMap<unknown, unknown>;
  readonly nonPersistent: ReadonlySet<unknown>;
}

function attributesOf({ state }: PickledObject): Attributes | undefined {
  if (!(state instanceof Map)) return undefined;
  const [parameters, buffers, modules] = ['_parameters', '_buffers', '_modules'].map((name) =>
    state.get(name),
  );
  if (!(parameters instanceof Map && buffers instanceof Map && modules instanceof Map))
    return undefined;
  const nonPersistent = state.get('_non_persistent_buffers_set');
  return {
    parameters,
    buffers,
    modules,
    nonPersistent: nonPersistent instanceof Set ? nonPersistent : new Set(),
  };
}
