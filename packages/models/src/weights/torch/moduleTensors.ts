import { PickledObject } from '@kd/core/pickle';

/** Modules within modules, at most; real ones have ten. */
const depthLimit = 64;
const moduleLimit = 100_000;

/**
 * The state dict of a module that was pickled whole (`torch.save(model)`): its class is not known and not needed, as its parameters, buffers and inner
 * modules lie in dicts of fixed names. Buffers that the module does not save are left out, as PyTorch does.
 * @returns undefined where it is no module.
 */
export function moduleTensors(module: PickledObject): ReadonlyMap<string, unknown> | undefined {
  if (attributesOf(module) === undefined) return undefined;
  const tensors = new Map<string, unknown>();
  let count = 0;
  const visit = (value: unknown, prefix: string, depth: number): void => {
    const attributes = value instanceof PickledObject ? attributesOf(value) : undefined;
    count++;
    if (attributes === undefined || depth > depthLimit || count > moduleLimit) return;
    const { parameters, buffers, modules, unsaved } = attributes;
    for (const [name, tensor] of parameters) if (tensor !== null) tensors.set(`${prefix}${String(name)}`, tensor);
    for (const [name, tensor] of buffers) if (tensor !== null && !unsaved.has(name)) tensors.set(`${prefix}${String(name)}`, tensor);
    for (const [name, inner] of modules) visit(inner, `${prefix}${String(name)}.`, depth + 1);
  };
  visit(module, '', 0);
  return tensors;
}

interface Attributes {
  readonly parameters: ReadonlyMap<unknown, unknown>;
  readonly buffers: ReadonlyMap<unknown, unknown>;
  readonly modules: ReadonlyMap<unknown, unknown>;
  readonly unsaved: ReadonlySet<unknown>;
}

function attributesOf({ state }: PickledObject): Attributes | undefined {
  if (!(state instanceof Map)) return undefined;
  const [parameters, buffers, modules] = ['_parameters', '_buffers', '_modules'].map((name) => state.get(name));
  if (!(parameters instanceof Map && buffers instanceof Map && modules instanceof Map)) return undefined;
  const unsaved = state.get('_non_persistent_buffers_set');
  return { parameters, buffers, modules, unsaved: unsaved instanceof Set ? unsaved : new Set() };
}
