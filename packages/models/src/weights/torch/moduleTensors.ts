import { PickledObject } from '@kd/files/pickle';

/**
 * Modules within modules, and names of tensors, at most; real ones are ten deep and have some
 * thousands.
 */
const depthLimit = 64;
const nameLimit = 512;
const tensorLimit = 100_000;

/**
 * The state dict of a module that was pickled whole (`torch.save(model)`): its class is not known
 * and not needed, as its parameters, buffers and inner
 * modules lie in dicts of fixed names. Buffers that the module does not save are left out, as
 * PyTorch does.
 * @returns undefined where it is no module, or one that holds itself or more than any does.
 */
export function moduleTensors(module: PickledObject): ReadonlyMap<string, unknown> | undefined {
  const tensors = new Map<string, unknown>();
  let visited = 0;
  const put = (
    values: ReadonlyMap<unknown, unknown>,
    prefix: string,
    unsaved?: ReadonlySet<unknown>,
  ): boolean => {
    for (const [name, tensor] of values) {
      visited++;
      if (
        visited > tensorLimit ||
        typeof name !== 'string' ||
        prefix.length + name.length > nameLimit
      )
        return false;
      if (tensor !== null && !unsaved?.has(name)) tensors.set(prefix + name, tensor);
    }
    return true;
  };
  const visit = (value: unknown, prefix: string, depth: number): boolean => {
    visited++;
    const attributes = value instanceof PickledObject ? attributesOf(value) : undefined;
    if (attributes === undefined) return value === null;
    const { parameters, buffers, modules, unsaved } = attributes;
    if (depth > depthLimit || !put(parameters, prefix) || !put(buffers, prefix, unsaved))
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
  readonly unsaved: ReadonlySet<unknown>;
}

function attributesOf({ state }: PickledObject): Attributes | undefined {
  if (!(state instanceof Map)) return undefined;
  const [parameters, buffers, modules] = ['_parameters', '_buffers', '_modules'].map((name) =>
    state.get(name),
  );
  if (!(parameters instanceof Map && buffers instanceof Map && modules instanceof Map))
    return undefined;
  const unsaved = state.get('_non_persistent_buffers_set');
  return { parameters, buffers, modules, unsaved: unsaved instanceof Set ? unsaved : new Set() };
}
