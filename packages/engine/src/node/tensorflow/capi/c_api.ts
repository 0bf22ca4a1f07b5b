import type { GraphOutput, Pointer, Signatures } from './types.ts';

/** tensorflow/c/c_api.h and the headers that it includes (tf_status.h, tf_tensor.h, tf_buffer.h). */
export interface CoreApi {
  // Statuses, devices, tensors in host memory, strings and buffers.
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

  // Graphs, their nodes, and functions made of them.
  TF_NewGraph(): Pointer;
  TF_DeleteGraph(graph: Pointer): void;
  TF_GraphGetOpDef(graph: Pointer, op: string, into: Pointer, status: Pointer): void;
  TF_GetRegisteredKernelsForOp(op: string, status: Pointer): Pointer;
  TF_NewOperation(graph: Pointer, op: Pointer, name: string): Pointer;
  TF_SetDevice(node: Pointer, device: Pointer): void;
  TF_AddInput(node: Pointer, input: GraphOutput): void;
  TF_AddInputList(node: Pointer, inputs: Pointer, count: number): void;
  TF_SetAttrString(node: Pointer, name: Pointer, value: Pointer, length: number): void;
  TF_SetAttrInt(node: Pointer, name: Pointer, value: number): void;
  TF_SetAttrFloat(node: Pointer, name: Pointer, value: number): void;
  TF_SetAttrBool(node: Pointer, name: Pointer, value: number): void;
  TF_SetAttrType(node: Pointer, name: Pointer, value: number): void;
  TF_SetAttrShape(node: Pointer, name: Pointer, sides: Pointer, rank: number): void;
  TF_SetAttrFuncName(node: Pointer, name: Pointer, value: Pointer, length: number): void;
  TF_SetAttrStringList(
    node: Pointer,
    name: Pointer,
    values: Pointer,
    lengths: Pointer,
    count: number,
  ): void;
  TF_SetAttrIntList(node: Pointer, name: Pointer, values: Pointer, count: number): void;
  TF_SetAttrFloatList(node: Pointer, name: Pointer, values: Pointer, count: number): void;
  TF_SetAttrBoolList(node: Pointer, name: Pointer, values: Pointer, count: number): void;
  TF_SetAttrTypeList(node: Pointer, name: Pointer, values: Pointer, count: number): void;
  TF_SetAttrTensor(node: Pointer, name: Pointer, tensor: Pointer, status: Pointer): void;
  TF_FinishOperation(node: Pointer, status: Pointer): Pointer;
  TF_OperationOutputType(output: GraphOutput): number;
  TF_OperationNumOutputs(operation: Pointer): number;
  TF_GraphGetTensorNumDims(graph: Pointer, output: GraphOutput, status: Pointer): number;
  TF_GraphGetTensorShape(
    graph: Pointer,
    output: GraphOutput,
    sides: Pointer,
    rank: number,
    status: Pointer,
  ): void;
  TF_GraphToFunction(
    graph: Pointer,
    name: string,
    appendHash: number,
    operationCount: number,
    operations: Pointer,
    inputCount: number,
    inputs: Pointer,
    outputCount: number,
    outputs: Pointer,
    outputNames: Pointer,
    options: Pointer,
    description: Pointer,
    status: Pointer,
  ): Pointer;
  TF_DeleteFunction(definition: Pointer): void;

  // Sessions, which run nodes of a graph and can trace a run.
  TF_NewSessionOptions(): Pointer;
  TF_DeleteSessionOptions(options: Pointer): void;
  TF_NewSession(graph: Pointer, options: Pointer, status: Pointer): Pointer;
  TF_SessionRun(
    session: Pointer,
    runOptions: Pointer,
    inputs: Pointer,
    inputValues: Pointer,
    inputCount: number,
    outputs: Pointer,
    outputValues: Pointer,
    outputCount: number,
    targets: Pointer,
    targetCount: number,
    metadata: Pointer,
    status: Pointer,
  ): void;
}

export const coreSignatures: Signatures<CoreApi> = {
  // Statuses, devices, tensors in host memory, strings and buffers.
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

  // Graphs, their nodes, and functions made of them.
  TF_NewGraph: 'p',
  TF_DeleteGraph: 'vp',
  TF_GraphGetOpDef: 'vpspp',
  TF_GetRegisteredKernelsForOp: 'psp',
  TF_NewOperation: 'ppps',
  TF_SetDevice: 'vpp',
  TF_AddInput: 'vpo',
  TF_AddInputList: 'vppi',
  TF_SetAttrString: 'vpppp',
  TF_SetAttrInt: 'vppl',
  TF_SetAttrFloat: 'vppf',
  TF_SetAttrBool: 'vppb',
  TF_SetAttrType: 'vppi',
  TF_SetAttrShape: 'vpppi',
  TF_SetAttrFuncName: 'vpppp',
  TF_SetAttrStringList: 'vppppi',
  TF_SetAttrIntList: 'vpppi',
  TF_SetAttrFloatList: 'vpppi',
  TF_SetAttrBoolList: 'vpppi',
  TF_SetAttrTypeList: 'vpppi',
  TF_SetAttrTensor: 'vpppp',
  TF_FinishOperation: 'ppp',
  TF_OperationOutputType: 'io',
  TF_OperationNumOutputs: 'ip',
  TF_GraphGetTensorNumDims: 'ipop',
  TF_GraphGetTensorShape: 'vpopip',
  TF_GraphToFunction: 'ppsbipipippppp',
  TF_DeleteFunction: 'vp',

  // Sessions, which run nodes of a graph and can trace a run.
  TF_NewSessionOptions: 'p',
  TF_DeleteSessionOptions: 'vp',
  TF_NewSession: 'pppp',
  TF_SessionRun: 'vppppippipipp',
};
