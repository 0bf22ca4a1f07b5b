import type { Runtime } from '../binding.ts';
import { bufferBytes } from '../bufferBytes.ts';
import type { Pointer } from '../c/api.ts';
import { expectOk } from '../context.ts';
import { protobufFields } from './protobuf.ts';

/** One input of an op: a tensor, or a list whose length an attribute tells. */
export interface InputDefinition {
  readonly name: string;
  /**
   * The attribute that is the length (`N`), or whose list is as long (`T` of a list of types).
   * Absent: one tensor.
   */
  readonly list?: string;
}

/** What a graph needs to know of an op before it makes a node of it. */
export interface OpDefinition {
  readonly inputs: readonly InputDefinition[];
  /** Whether it acts on more than its outputs, as random generators and collectives do. */
  readonly stateful: boolean;
}

/** Fields of tensorflow.OpDef and of its ArgDef (tensorflow/core/framework/op_def.proto). */
const opField = { inputArgument: 2, isStateful: 17 } as const;
const argumentField = { name: 1, numberAttribute: 5, typeListAttribute: 6 } as const;

/** Definitions of TensorFlow's own ops, as the library itself tells them; each is read once. */
export class OpDefinitions {
  readonly #runtime: Runtime;
  readonly #known = new Map<string, OpDefinition>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * @param graph Any graph: they all know the same ops. @throws Error with TensorFlow's message
   * where there is no such op.
   */
  of(graph: Pointer, op: string): OpDefinition {
    const known = this.#known.get(op);
    if (known !== undefined) return known;
    const definition = parse(this.#bytes(graph, op));
    this.#known.set(op, definition);
    return definition;
  }

  #bytes(graph: Pointer, op: string): Uint8Array {
    const { api, context, memory } = this.#runtime;
    const buffer = api.TF_NewBuffer();
    try {
      api.TF_GraphGetOpDef(graph, op, buffer, context.status);
      expectOk(api, context.status, op);
      return bufferBytes(memory, buffer);
    } finally {
      api.TF_DeleteBuffer(buffer);
    }
  }
}

function parse(message: Uint8Array): OpDefinition {
  const inputs: InputDefinition[] = [];
  let stateful = false;
  for (const { number, value } of protobufFields(message)) {
    if (number === opField.inputArgument) inputs.push(parseInput(value as Uint8Array));
    if (number === opField.isStateful) stateful = value === 1;
  }
  return { inputs, stateful };
}

function parseInput(message: Uint8Array): InputDefinition {
  const texts = new Map<number, string>();
  for (const { number, value } of protobufFields(message))
    if (typeof value !== 'number') texts.set(number, Buffer.from(value).toString());
  const name = texts.get(argumentField.name) ?? '';
  const list =
    texts.get(argumentField.numberAttribute) ?? texts.get(argumentField.typeListAttribute);
  return list === undefined ? { name } : { name, list };
}
