import type { GraphOutput, Pointer, Signatures } from './types.ts';

/** Graphs, their nodes, and functions made of them. */
export interface GraphApi {
  TF_NewGraph(): Pointer;
  TF_DeleteGraph(graph: Pointer): void;
  TF_GraphGetOpDef(graph: Pointer, op: string, into: Pointer, status: Pointer): void;
  TF_GetRegisteredKernelsForOp(op: string, status: Pointer): Pointer;
  TF_NewOperation(graph: Pointer, op: Pointer, name: string): Pointer;
  TF_SetDevice(node: Pointer, device: Pointer): void;
  TF_AddInput(node: Pointer, input: GraphOutput): void;
  TF_AddInputList(node: Pointer, inputs: Pointer, count: number): void;
  TF_AddControlInput(node: Pointer, before: Pointer): void;
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
  TF_SetAttrValueProto(
    node: Pointer,
    name: Pointer,
    proto: Uint8Array,
    length: number,
    status: Pointer,
  ): void;
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
}

export const graphSignatures: Signatures<GraphApi> = {
  TF_NewGraph: 'p',
  TF_DeleteGraph: 'vp',
  TF_GraphGetOpDef: 'vpspp',
  TF_GetRegisteredKernelsForOp: 'psp',
  TF_NewOperation: 'ppps',
  TF_SetDevice: 'vpp',
  TF_AddInput: 'vpo',
  TF_AddInputList: 'vppi',
  TF_AddControlInput: 'vpp',
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
  TF_SetAttrValueProto: 'vppdpp',
  TF_FinishOperation: 'ppp',
  TF_OperationOutputType: 'io',
  TF_OperationNumOutputs: 'ip',
  TF_GraphGetTensorNumDims: 'ipop',
  TF_GraphGetTensorShape: 'vpopip',
  TF_GraphToFunction: 'ppsbipipippppp',
  TF_DeleteFunction: 'vp',
};
