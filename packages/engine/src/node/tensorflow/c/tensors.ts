import type { Pointer, Signatures } from './types.ts';

/** Statuses, devices, tensors in host memory and strings. */
export interface TensorsApi {
  TF_Version(): string;
  TF_NewStatus(): Pointer;
  TF_GetCode(status: Pointer): number;
  TF_Message(status: Pointer): string;
  TF_SetStatus(status: Pointer, code: number, message: string): void;
  TF_DeviceListCount(list: Pointer): number;
  TF_DeviceListType(list: Pointer, index: number, status: Pointer): string;
  TF_DeviceListName(list: Pointer, index: number, status: Pointer): string;
  TF_DeviceListMemoryBytes(list: Pointer, index: number, status: Pointer): number;
  TF_DeleteDeviceList(list: Pointer): void;
  TF_AllocateTensor(type: number, sides: Pointer, rank: number, bytes: number): Pointer;
  TF_NewTensor(
    type: number,
    sides: Pointer,
    rank: number,
    data: Pointer,
    bytes: number,
    free: Pointer,
    argument: Pointer,
  ): Pointer;
  TF_DeleteTensor(tensor: Pointer): void;
  TF_TensorData(tensor: Pointer): Pointer;
  TF_TensorByteSize(tensor: Pointer): number;
  TF_TensorMaybeMove(tensor: Pointer): Pointer;
  TF_StringInit(string: Pointer): void;
  TF_StringCopy(string: Pointer, bytes: Uint8Array, length: number): void;
  TF_StringGetDataPointer(string: Pointer): Pointer;
  TF_StringGetSize(string: Pointer): number;
  TF_DeleteStatus(status: Pointer): void;
  TF_NewBuffer(): Pointer;
  TF_DeleteBuffer(buffer: Pointer): void;
}

export const tensorsSignatures: Signatures<TensorsApi> = {
  TF_Version: 's',
  TF_NewStatus: 'p',
  TF_GetCode: 'ip',
  TF_Message: 'sp',
  TF_SetStatus: 'vpis',
  TF_DeviceListCount: 'ip',
  TF_DeviceListType: 'spip',
  TF_DeviceListName: 'spip',
  TF_DeviceListMemoryBytes: 'lpip',
  TF_DeleteDeviceList: 'vp',
  TF_AllocateTensor: 'pipip',
  TF_NewTensor: 'pipipppp',
  TF_DeleteTensor: 'vp',
  TF_TensorData: 'pp',
  TF_TensorByteSize: 'pp',
  TF_TensorMaybeMove: 'pp',
  TF_StringInit: 'vp',
  TF_StringCopy: 'vpdp',
  TF_StringGetDataPointer: 'pp',
  TF_StringGetSize: 'pp',
  TF_DeleteStatus: 'vp',
  TF_NewBuffer: 'p',
  TF_DeleteBuffer: 'vp',
};
