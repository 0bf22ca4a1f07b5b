import type { Pointer, Signatures } from './types.ts';

/** tensorflow/c/eager/c_api.h: contexts, tensor handles and ops that run at once. */
export interface EagerApi {
  TFE_NewContextOptions(): Pointer;
  TFE_ContextOptionsSetConfig(
    options: Pointer,
    proto: Uint8Array,
    length: number,
    status: Pointer,
  ): void;
  TFE_DeleteContextOptions(options: Pointer): void;
  TFE_NewContext(options: Pointer, status: Pointer): Pointer;
  TFE_ContextListDevices(context: Pointer, status: Pointer): Pointer;
  TFE_NewTensorHandle(tensor: Pointer, status: Pointer): Pointer;
  TFE_DeleteTensorHandle(handle: Pointer): void;
  TFE_TensorHandleDataType(handle: Pointer): number;
  TFE_TensorHandleNumDims(handle: Pointer, status: Pointer): number;
  TFE_TensorHandleDim(handle: Pointer, axis: number, status: Pointer): number;
  TFE_TensorHandleResolve(handle: Pointer, status: Pointer): Pointer;
  TFE_TensorHandleCopyToDevice(
    handle: Pointer,
    context: Pointer,
    device: Pointer,
    status: Pointer,
  ): Pointer;
  TFE_NewOp(context: Pointer, name: Pointer, status: Pointer): Pointer;
  TFE_DeleteOp(op: Pointer): void;
  TFE_OpAddInput(op: Pointer, handle: Pointer, status: Pointer): void;
  TFE_OpSetAttrString(op: Pointer, name: Pointer, bytes: Pointer, length: number): void;
  TFE_OpSetAttrInt(op: Pointer, name: Pointer, value: number): void;
  TFE_OpSetAttrFloat(op: Pointer, name: Pointer, value: number): void;
  TFE_OpSetAttrBool(op: Pointer, name: Pointer, value: number): void;
  TFE_OpSetAttrType(op: Pointer, name: Pointer, value: number): void;
  TFE_OpSetAttrShape(
    op: Pointer,
    name: Pointer,
    sides: Pointer,
    rank: number,
    status: Pointer,
  ): void;
  TFE_OpSetAttrStringList(
    op: Pointer,
    name: Pointer,
    bytes: Pointer,
    lengths: Pointer,
    count: number,
  ): void;
  TFE_OpSetAttrIntList(op: Pointer, name: Pointer, values: Pointer, count: number): void;
  TFE_OpSetAttrFloatList(op: Pointer, name: Pointer, values: Pointer, count: number): void;
  TFE_OpSetAttrBoolList(op: Pointer, name: Pointer, values: Pointer, count: number): void;
  TFE_OpSetAttrTypeList(op: Pointer, name: Pointer, values: Pointer, count: number): void;
  TFE_Execute(op: Pointer, outputs: Pointer, outputCount: Pointer, status: Pointer): void;
  TFE_TensorHandleCopySharingTensor(handle: Pointer, status: Pointer): Pointer;
  TFE_TensorHandleBackingDeviceName(handle: Pointer, status: Pointer): string;
  TFE_OpAddInputList(op: Pointer, handles: Pointer, count: number, status: Pointer): void;
  TFE_OpSetAttrFunctionName(op: Pointer, name: Pointer, value: Pointer, length: number): void;
  TFE_ContextAddFunction(context: Pointer, definition: Pointer, status: Pointer): void;
  TFE_ContextRemoveFunction(context: Pointer, name: Pointer, status: Pointer): void;
}

export const eagerSignatures: Signatures<EagerApi> = {
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
  TFE_TensorHandleCopySharingTensor: 'ppp',
  TFE_TensorHandleBackingDeviceName: 'spp',
  TFE_OpAddInputList: 'vppip',
  TFE_OpSetAttrFunctionName: 'vpppp',
  TFE_ContextAddFunction: 'vppp',
  TFE_ContextRemoveFunction: 'vppp',
};
