import { ensure, expectedError } from '@kd/core';
import type { SafetensorsDtype } from '@kd/files';
import { PickledObject, type UnpicklerHost } from '@kd/files/pickle';

/** A global name in the pickle, never imported: `torch.FloatStorage`. */
export class TorchName {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** An array of values outside the pickle. */
export interface StorageRecord {
  /** `FloatStorage` …; an `UntypedStorage` holds bytes. */
  readonly type: string;
  /** Key in the file: `0` …, or a memory address in legacy files. */
  readonly key: string;
  /** Number of values of its type. */
  readonly length: number;
}

/** A tensor as the pickle describes it; nothing is checked yet. */
export class TensorRecord {
  readonly storage: unknown;
  /** Offset in the storage, in values. */
  readonly offset: unknown;
  readonly shape: unknown;
  /** Strides along each axis, in values. */
  readonly strides: unknown;
  /** `float8_e4m3fn` …, if it differs from the storage's type. */
  readonly type: string | undefined;
  /** The kind of a view that is computed when read: `conj` or `neg`. */
  readonly lazy: string | undefined;

  constructor(parameters: readonly unknown[], type: string | undefined, metadata: unknown) {
    [this.storage, this.offset, this.shape, this.strides] = parameters;
    this.type = type;
    this.lazy =
      metadata instanceof Map
        ? ['conj', 'neg'].find((bit) => metadata.get(bit) === true)
        : undefined;
  }
}

/** The supported types of PyTorch's storages and tensors. */
const dtypes: Readonly<Record<string, SafetensorsDtype>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  float8_e4m3fn: 'F8_E4M3',
  float8_e5m2: 'F8_E5M2',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
};

/** @returns undefined for unsupported types: complex and quantized ones, other 8-bit floats. */
export function dtypeOf(type: string): SafetensorsDtype | undefined {
  return Object.hasOwn(dtypes, type) ? dtypes[type] : undefined;
}

/**
 * Items that may be copied from lists into dicts and sets, in all: a short pickle could copy the
 * same long list again and again.
 */
const copyLimit = 1_000_000;
/** Length of a Python 2 string that is used as a name, in bytes. */
const textLimit = 256;

/** Takes PyTorch's place while a pickle is read, and collects its storages by key. */
export interface TorchUnpickler extends UnpicklerHost {
  readonly storages: ReadonlyMap<string, StorageRecord>;
}

/**
 * An unpickler for files of `torch.save`. Such a pickle consists of calls: those that create
 * tensors and dicts are recognized, all others become a `PickledObject`. None is run.
 * @param caller Name of the file, for messages.
 */
export function torchUnpickler(caller: string): TorchUnpickler {
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
    findClass(name) {
      if (isUnsafe(name)) {
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
      return rebuild(callee.name, parameters, itemsOf);
    },
    build(target, state) {
      // A dict's attributes (`_metadata` of a state dict) do not concern its tensors.
      if (target instanceof PickledObject) target.state = state;
    },
    persistentLoad(id) {
      ensure(Array.isArray(id), caller, 'a storage outside of the pickle', 'another id');
      const [kind, name] = id;
      // The class of a module with its source, of `torch.save(module)` before PyTorch 1.6: only the
      // name is used.
      if (toText(kind) === 'module') return name;
      const storage = parseStorage(id, caller);
      const known = storages.get(storage.key);
      const isSame =
        known === undefined || (known.type === storage.type && known.length === storage.length);
      ensure(
        isSame,
        caller,
        `one kind of storage ${storage.key}`,
        `${known?.type} of ${known?.length} and ${storage.type} of ${storage.length}`,
      );
      storages.set(storage.key, storage);
      return storage;
    },
  };
}

function rebuild(
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
        type instanceof TorchName ? lastComponent(type.name) : 'an unknown type',
        parameters[7],
      );
    }
    case 'torch._utils._rebuild_parameter':
    case 'torch._utils._rebuild_parameter_with_state':
      return parameters[0];
    case 'torch._tensor._rebuild_from_type_v2': {
      const [inner, , rest] = parameters;
      return inner instanceof TorchName && Array.isArray(rest) && inner.name !== name
        ? rebuild(inner.name, rest, itemsOf)
        : new PickledObject(name, parameters);
    }
    case 'collections.OrderedDict':
    case 'collections.defaultdict':
      return orderedDict(itemsOf(parameters[0]));
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

/** Python 2 pickles an OrderedDict's items as a list of pairs; otherwise they follow later. */
function orderedDict(items: readonly unknown[]): Map<unknown, unknown> {
  const dict = new Map<unknown, unknown>();
  for (const item of items) if (Array.isArray(item)) dict.set(toText(item[0]) ?? item[0], item[1]);
  return dict;
}

/** ('storage', type, key, device, length), in legacy files also the storage it is a view of. */
function parseStorage(id: readonly unknown[], caller: string): StorageRecord {
  const [kind, type, key, , length, view] = id;
  const [kindText, keyText] = [toText(kind), toText(key)];
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
  return { type: lastComponent(type.name), key: keyText, length: length as number };
}

function toText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array && value.length <= textLimit
    ? new TextDecoder('latin1').decode(value)
    : undefined;
}

function lastComponent(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/**
 * Names that only an attack puts into a file of weights. Nothing in a pickle is ever run here, so
 * this list protects nobody: it serves to warn that the file should not be given to a program that
 * does run it.
 */
const unsafeModules = [
  '_pickle',
  'asyncio',
  'bdb',
  'code',
  'commands',
  'ctypes',
  'ftplib',
  'http',
  'importlib',
  'marshal',
  'multiprocessing',
  'nt',
  'os',
  'pdb',
  'pickle',
  'pip',
  'popen2',
  'posix',
  'pty',
  'requests',
  'runpy',
  'shutil',
  'signal',
  'smtplib',
  'socket',
  'subprocess',
  'sys',
  'timeit',
  'types.CodeType',
  'types.FunctionType',
  'urllib',
  'webbrowser',
];

const unsafeBuiltins = [
  '__import__',
  'breakpoint',
  'compile',
  'delattr',
  'eval',
  'exec',
  'execfile',
  'globals',
  'input',
  'open',
  'setattr',
];

function isUnsafe(name: string): boolean {
  const [, builtin] = /^(?:__builtin__|builtins)\.(.+)$/.exec(name) ?? [];
  if (builtin !== undefined) return unsafeBuiltins.includes(builtin);
  return unsafeModules.some((module) => name === module || name.startsWith(`${module}.`));
}
