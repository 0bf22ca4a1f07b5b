import { assertOk } from '../capi/context.ts';
import type { Runtime } from '../capi/runtime.ts';
import type { GraphOutput, Pointer } from '../capi/types.ts';
import type { GraphBuilder, GraphNode } from './graphBuilder.ts';

/** The part of a graph that some outputs depend on. */
export interface ReachableGraph<Input> {
  /** Without the inputs. */
  readonly nodes: readonly GraphNode[];
  /** In the order in which a function of these nodes takes them. */
  readonly inputs: readonly Input[];
}

/**
 * Finds the nodes that some outputs depend on. @param inputs Placeholders of the graph.
 * @param keepStateful Whether nodes with effects beyond their outputs are kept too.
 */
export function pruneUnreachable<Input extends { readonly operation: Pointer }>(
  { nodes }: GraphBuilder,
  inputs: readonly Input[],
  outputs: readonly GraphOutput[],
  keepStateful: boolean,
): ReachableGraph<Input> {
  const reached = new Set<Pointer>();
  const open = outputs.map(({ operation }) => operation);
  if (keepStateful) for (const node of nodes.values()) if (node.stateful) open.push(node.operation);
  for (let operation = open.pop(); operation !== undefined; operation = open.pop()) {
    if (reached.has(operation)) continue;
    reached.add(operation);
    for (const input of nodes.get(operation)?.inputs ?? []) open.push(input.operation);
  }
  const used = inputs.filter(({ operation }) => reached.has(operation));
  for (const { operation } of used) reached.delete(operation);
  return {
    nodes: [...nodes.values()].filter(({ operation }) => reached.has(operation)),
    inputs: used,
  };
}

/** Nodes, inputs and outputs of a TF function. */
export interface FunctionBody {
  readonly nodes: readonly Pick<GraphNode, 'operation'>[];
  readonly inputs: readonly GraphOutput[];
  readonly outputs: readonly GraphOutput[];
}

/** Makes a TF function of a part of a graph and adds it to the context. */
export function defineFunction(
  { api, context, memory }: Runtime,
  { graph }: GraphBuilder,
  name: string,
  { nodes, inputs, outputs }: FunctionBody,
): void {
  const ports = [...inputs, ...outputs];
  const words = BigUint64Array.from(
    [...nodes, ...ports.flatMap(({ operation, index }) => [{ operation }, { operation: index }])],
    ({ operation }) => BigInt(operation),
  );
  const block = memory.libc.malloc(words.byteLength + 8);
  memory.libc.copyIn(block, words, words.byteLength);
  const inputsAt = block + nodes.length * 8;
  const outputsAt = inputsAt + inputs.length * 16;
  const { status } = context;
  const sizes = { nodes: nodes.length, inputs: inputs.length, outputs: outputs.length };
  const definition = api.TF_GraphToFunction(
    graph,
    name,
    0,
    sizes.nodes,
    block,
    sizes.inputs,
    inputsAt,
    sizes.outputs,
    outputsAt,
    0,
    0,
    0,
    status,
  );
  memory.libc.free(block);
  assertOk(api, context.status, 'TF_GraphToFunction');
  api.TFE_ContextAddFunction(context.at, definition, context.status);
  api.TF_DeleteFunction(definition);
  assertOk(api, context.status, 'TFE_ContextAddFunction');
}

/** Whether the library has a kernel of an op for any device: a build may leave some out. */
export function hasKernel({ api, context, memory }: Runtime, op: string): boolean {
  const buffer = api.TF_GetRegisteredKernelsForOp(op, context.status);
  assertOk(api, context.status, op);
  const { length } = memory.copyBuffer(buffer);
  api.TF_DeleteBuffer(buffer);
  return length > 0;
}
