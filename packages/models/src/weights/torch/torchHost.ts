import { ensure, expectedError } from '@kd/core';
import { PickledObject, type UnpicklerHost } from '@kd/files/pickle';
import { type StorageRecord, TensorRecord, TorchName } from './records.ts';
import { isRefused } from './refusedNames.ts';

/**
 * Items that calls may copy from lists into dicts and sets, in all: a short pickle could ask for
 * the same long list again and again.
 */
const copyLimit = 1_000_000;
/** Bytes of a text of Python 2 that is a name here. */
const textLimit = 256;

/** Stands for PyTorch where a pickle of it is read, and keeps what storages it names, by key. */
export interface TorchHost extends UnpicklerHost {
  readonly storages: ReadonlyMap<string, StorageRecord>;
}

/**
 * What `torch.save` writes is described by calls; those that make tensors and dicts are recognised,
 * all others kept as `PickledObject`. None is called.
 * @param caller For messages: the file's name.
 */
export function torchHost(caller: string): TorchHost {
  const storages = new Map<string, StorageRecord>();
  let copied = 0;
  const itemsOf = (list: unknown): readonly unknown[] => {
    if (!Array.isArray(list)) return [];
    copied += list.length;
    ensure(
      copied <= copyLimit,
      caller,
      `at most ${copyLimit} items in dicts and sets made of lists`,
      'more',
      'it is refused, nothing was run',
    );
    return list;
  };
  return {
    storages,
    global(name) {
      if (isRefused(name)) {
        throw expectedError(
          caller,
          'data alone',
          `the function ${name}`,
          'it is refused, nothing was run: do not open this file elsewhere either',
        );
      }
      return new TorchName(name);
    },
    call(callee, parameters) {
      ensure(
        callee instanceof TorchName && Array.isArray(parameters),
        caller,
        'a pickle whose calls have a name and arguments',
        'another call',
      );
      return made(callee.name, parameters, itemsOf);
    },
    build(target, state) {
      // A dict's attributes (`_metadata` of a state dict) say nothing about its tensors.
      if (target instanceof PickledObject) target.state = state;
    },
    persistent(id) {
      ensure(Array.isArray(id), caller, 'a storage outside of the pickle', 'another id');
      const [kind, name] = id;
      // A module's class with its source, of `torch.save(module)` before PyTorch 1.6: only the name
      // counts.
      if (textOf(kind) === 'module') return name;
      const storage = storageOf(id, caller);
      const known = storages.get(storage.key);
      const same =
        known === undefined || (known.type === storage.type && known.length === storage.length);
      ensure(
        same,
        caller,
        `one kind of storage ${storage.key}`,
        `${known?.type} of ${known?.length} and ${storage.type} of ${storage.length}`,
      );
      storages.set(storage.key, storage);
      return storage;
    },
  };
}

function made(
  name: string,
  parameters: readonly unknown[],
  itemsOf: (list: unknown) => readonly unknown[],
): unknown {
  switch (name) {
    case 'torch._utils._rebuild_tensor':
      return new TensorRecord(parameters, undefined, undefined);
    case 'torch._utils._rebuild_tensor_v2':
      return new TensorRecord(parameters, undefined, parameters[6]);
    case 'torch._utils._rebuild_tensor_v3': {
      const type = parameters[6];
      return new TensorRecord(
        parameters,
        type instanceof TorchName ? lastPart(type.name) : 'an unknown type',
        parameters[7],
      );
    }
    case 'torch._utils._rebuild_parameter':
    case 'torch._utils._rebuild_parameter_with_state':
      return parameters[0];
    case 'torch._tensor._rebuild_from_type_v2': {
      const [rebuild, , rest] = parameters;
      return rebuild instanceof TorchName && Array.isArray(rest) && rebuild.name !== name
        ? made(rebuild.name, rest, itemsOf)
        : new PickledObject(name, parameters);
    }
    case 'collections.OrderedDict':
    case 'collections.defaultdict':
      return dictOf(itemsOf(parameters[0]));
    case '__builtin__.set':
    case 'builtins.set':
      return new Set(itemsOf(parameters[0]));
    case 'copy_reg._reconstructor':
    case 'copyreg._reconstructor':
      return new PickledObject(
        parameters[0] instanceof TorchName ? parameters[0].name : name,
        parameters,
      );
    default:
      return new PickledObject(name, parameters);
  }
}

/** Python 2 gives the items of an OrderedDict as a list of pairs; otherwise they come later. */
function dictOf(items: readonly unknown[]): Map<unknown, unknown> {
  const dict = new Map<unknown, unknown>();
  for (const item of items) if (Array.isArray(item)) dict.set(textOf(item[0]) ?? item[0], item[1]);
  return dict;
}

/** ('storage', type, key, device, length), in legacy files with what it is a view of. */
function storageOf(id: readonly unknown[], caller: string): StorageRecord {
  const [kind, type, key, , length, view] = id;
  const [kindText, keyText] = [textOf(kind), textOf(key)];
  ensure(
    kindText === 'storage' &&
      type instanceof TorchName &&
      keyText !== undefined &&
      Number.isSafeInteger(length) &&
      (length as number) >= 0,
    caller,
    'a storage outside of the pickle: its type, key and length',
    'another id',
  );
  ensure(
    view === undefined || view === null,
    caller,
    `storage ${keyText} on its own`,
    'a view of another',
    'load it in PyTorch and save it anew',
  );
  return { type: lastPart(type.name), key: keyText, length: length as number };
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array && value.length <= textLimit
    ? new TextDecoder('latin1').decode(value)
    : undefined;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
