import type { Runtime } from '../binding.ts';
import type { GraphOutput, Pointer } from '../c/api.ts';
import { expectOk } from '../context.ts';
import type { GraphNode } from './graphBuilder.ts';
import type { Trace, TracedInput } from './trace.ts';

/** The part of a graph that some outputs depend on. */
export interface Reached {
  /** Without the inputs. */
  readonly nodes: readonly GraphNode[];
  /** In the order in which a function made of it takes them. */
  readonly inputs: readonly TracedInput[];
}

/** @param acts Whether nodes that act on more than their outputs belong to it too. */
export function reach(trace: Trace, outputs: readonly GraphOutput[], acts: boolean): Reached {
  const reached = new Set<Pointer>();
  const { nodes } = trace.builder;
  const open = outputs.map(({ operation }) => operation);
  if (acts) for (const node of nodes.values()) if (node.stateful) open.push(node.operation);
  for (let operation = open.pop(); operation !== undefined; operation = open.pop()) {
    if (reached.has(operation)) continue;
    reached.add(operation);
    for (const input of nodes.get(operation)?.inputs ?? []) open.push(input.operation);
  }
  const inputs = trace.inputs.filter(({ operation }) => reached.has(operation));
  for (const { operation } of inputs) reached.delete(operation);
  return { nodes: [...nodes.values()].filter(({ operation }) => reached.has(operation)), inputs };
}

/** What a function is made of. */
export interface FunctionBody {
  readonly nodes: readonly Pick<GraphNode, 'operation'>[];
  readonly inputs: readonly GraphOutput[];
  readonly outputs: readonly GraphOutput[];
}

/** Makes a function of a part of a graph and gives it to the context. */
export function toFunction(
  { api, context, memory }: Runtime,
  { builder }: Trace,
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
    builder.graph,
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
  expectOk(api, context.status, 'TF_GraphToFunction');
  api.TFE_ContextAddFunction(context.at, definition, context.status);
  api.TF_DeleteFunction(definition);
  expectOk(api, context.status, 'TFE_ContextAddFunction');
}
