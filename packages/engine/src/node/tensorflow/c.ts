/**
 * The functions of the TensorFlow C API and of libc that the binding calls, typed.
 *
 * Pointers are plain numbers (`size_t`): user space ends far below 2⁵³, and nothing has to be wrapped or unwrapped per call.
 */
import koffi, { type LibraryHandle } from 'koffi';

/** An address in C memory; 0 is null. */
export type Pointer = number;

export interface Libc {
  malloc(bytes: number): Pointer;
  free(block: Pointer): void;
  copyIn(to: Pointer, from: ArrayBufferView, bytes: number): Pointer;
  copyOut(to: ArrayBufferView, from: Pointer, bytes: number): Pointer;
}

export interface TensorflowApi {
  TF_Version(): string;
  TF_NewStatus(): Pointer;
  TF_GetCode(status: Pointer): number;
  TF_Message(status: Pointer): string;
  TF_SetStatus(status: Pointer, code: number, message: string): void;
  TF_DeviceListCount(list: Pointer): number;
  TF_DeviceListType(list: Pointer, index: number, status: Pointer): string;
  TF_DeviceListName(list: Pointer, index: number, status: Pointer): string;
  TF_DeleteDeviceList(list: Pointer): void;
  TF_AllocateTensor(type: number, sides: Pointer, rank: number, bytes: number): Pointer;
  TF_DeleteTensor(tensor: Pointer): void;
  TF_TensorData(tensor: Pointer): Pointer;
  TF_TensorByteSize(tensor: Pointer): number;
  TF_StringInit(string: Pointer): void;
  TF_StringCopy(string: Pointer, bytes: Uint8Array, length: number): void;
  TF_StringGetDataPointer(string: Pointer): Pointer;
  TF_StringGetSize(string: Pointer): number;
  TFE_NewContextOptions(): Pointer;
  TFE_ContextOptionsSetConfig(options: Pointer, proto: Uint8Array, length: number, status: Pointer): void;
  TFE_DeleteContextOptions(options: Pointer): void;
  TFE_NewContext(options: Pointer, status: Pointer): Pointer;
  TFE_ContextListDevices(context: Pointer, status: Pointer): Pointer;
  TFE_NewTensorHandle(tensor: Pointer, status: Pointer): Pointer;
  TFE_DeleteTensorHandle(handle: Pointer): void;
  TFE_TensorHandleDataType(handle: Pointer): number;
  TFE_TensorHandleNumDims(handle: Pointer, status: Pointer): number;
  TFE_TensorHandleDim(handle: Pointer, axis: number, status: Pointer): number;
  TFE_TensorHandleResolve(handle: Pointer, status: Pointer): Pointer;
  TFE_TensorHandleCopyToDevice(handle: Pointer, context: Pointer, device: Pointer, status: Pointer): Pointer;
  TFE_NewOp(context: Pointer, name: Pointer, status: Pointer): Pointer;
  TFE_DeleteOp(op: Pointer): void;
  TFE_OpAddInput(op: Pointer, handle: Pointer, status: Pointer): void;
  TFE_OpSetAttrString(op: Pointer, name: Pointer, bytes: Pointer, length: number): void;
  TFE_OpSetAttrInt(op: Pointer, name: Pointer, value: number): void;
  TFE_OpSetAttrFloat(op: Pointer, name: Pointer, value: number): void;
  TFE_OpSetAttrBool(op: Pointer, name: Pointer, value: number): void;
  TFE_OpSetAttrType(op: Pointer, name: Pointer, value: number): void;
  TFE_OpSetAttrShape(op: Pointer, name: Pointer, sides: Pointer, rank: number, status: Pointer): void;
  TFE_OpSetAttrStringList(op: Pointer, name: Pointer, bytes: Pointer, lengths: Pointer, count: number): void;
  TFE_OpSetAttrIntList(op: Pointer, name: Pointer, values: Pointer, count: number): void;
  TFE_OpSetAttrFloatList(op: Pointer, name: Pointer, values: Pointer, count: number): void;
  TFE_OpSetAttrBoolList(op: Pointer, name: Pointer, values: Pointer, count: number): void;
  TFE_OpSetAttrTypeList(op: Pointer, name: Pointer, values: Pointer, count: number): void;
  TFE_Execute(op: Pointer, outputs: Pointer, outputCount: Pointer, status: Pointer): void;
}

/** Result and arguments: `p` pointer or length, `i` int, `l` int64, `f` float, `b` uint8, `s` C string, `d` bytes read from JavaScript, `v` nothing. */
const signatures: { readonly [name in keyof TensorflowApi]: string } = {
  TF_Version: 's',
  TF_NewStatus: 'p',
  TF_GetCode: 'ip',
  TF_Message: 'sp',
  TF_SetStatus: 'vpis',
  TF_DeviceListCount: 'ip',
  TF_DeviceListType: 'spip',
  TF_DeviceListName: 'spip',
  TF_DeleteDeviceList: 'vp',
  TF_AllocateTensor: 'pipip',
  TF_DeleteTensor: 'vp',
  TF_TensorData: 'pp',
  TF_TensorByteSize: 'pp',
  TF_StringInit: 'vp',
  TF_StringCopy: 'vpdp',
  TF_StringGetDataPointer: 'pp',
  TF_StringGetSize: 'pp',
  TFE_NewContextOptions: 'p',
  TFE_ContextOptionsSetConfig: 'vpdpp',
  TFE_DeleteContextOptions: 'vp',
  TFE_NewContext: 'ppp',
  TFE_ContextListDevices: 'ppp',
  TFE_NewTensorHandle: 'ppp',
  TFE_DeleteTensorHandle: 'vp',
  TFE_TensorHandleDataType: 'ip',
  TFE_TensorHandleNumDims: 'ipp',
  TFE_TensorHandleDim: 'lpip',
  TFE_TensorHandleResolve: 'ppp',
  TFE_TensorHandleCopyToDevice: 'ppppp',
  TFE_NewOp: 'pppp',
  TFE_DeleteOp: 'vp',
  TFE_OpAddInput: 'vppp',
  TFE_OpSetAttrString: 'vpppp',
  TFE_OpSetAttrInt: 'vppl',
  TFE_OpSetAttrFloat: 'vppf',
  TFE_OpSetAttrBool: 'vppb',
  TFE_OpSetAttrType: 'vppi',
  TFE_OpSetAttrShape: 'vpppip',
  TFE_OpSetAttrStringList: 'vppppi',
  TFE_OpSetAttrIntList: 'vpppi',
  TFE_OpSetAttrFloatList: 'vpppi',
  TFE_OpSetAttrBoolList: 'vpppi',
  TFE_OpSetAttrTypeList: 'vpppi',
  TFE_Execute: 'vpppp',
};

const cTypes: Readonly<Record<string, string>> = {
  p: 'size_t',
  i: 'int',
  l: 'int64',
  f: 'float',
  b: 'uint8',
  s: 'str',
  d: 'const void *',
  v: 'void',
};

/** Looks every function up. @throws Error where the library lacks one: it is not libtensorflow, or too old. */
export function declareTensorflow(library: LibraryHandle): TensorflowApi {
  const entries = Object.entries(signatures).map(([name, signature]) => {
    const [result, ...args] = [...signature].map((letter) => cTypes[letter] as string);
    return [name, library.func(name, result as string, args)];
  });
  return Object.fromEntries(entries) as TensorflowApi;
}

/** malloc, free and memcpy of the process itself. */
export function declareLibc(): Libc {
  const process = koffi.load(null);
  return {
    malloc: process.func('malloc', 'size_t', ['size_t']) as Libc['malloc'],
    free: process.func('free', 'void', ['size_t']) as Libc['free'],
    copyIn: process.func('memcpy', 'size_t', ['size_t', 'const void *', 'size_t']) as Libc['copyIn'],
    copyOut: process.func('memcpy', 'size_t', ['void *', 'size_t', 'size_t']) as Libc['copyOut'],
  };
}
