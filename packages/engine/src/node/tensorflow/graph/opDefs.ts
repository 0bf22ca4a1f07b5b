import { ensure } from '@kd/core';
import { protobufFields } from '@kd/files';
import type { Attribute } from '../capi/attributes.ts';
import { assertOk } from '../capi/context.ts';
import type { Runtime } from '../capi/runtime.ts';
import type { Pointer } from '../capi/types.ts';

/** One input of an op: a tensor, or a list whose length an attribute gives. */
export interface InputDef {
  readonly name: string;
  /**
   * The attribute that is the length (`N`), or whose list is as long (`T` of a list of types).
   * Absent for a single tensor.
   */
  readonly list?: string;
}

/** The part of tensorflow.OpDef that adding a node needs. */
export interface OpDef {
  readonly inputs: readonly InputDef[];
  /** Whether it has effects beyond its outputs, as random generators and collectives have. */
  readonly stateful: boolean;
}

/** Fields of tensorflow.OpDef and of its ArgDef (tensorflow/core/framework/op_def.proto). */
const opField = { inputArgument: 2, isStateful: 17 } as const;
const argumentField = { name: 1, numberAttribute: 5, typeListAttribute: 6 } as const;

/** The op definitions of the loaded library; each is read once. */
export class OpDefs {
  readonly #runtime: Runtime;
  readonly #known = new Map<string, OpDef>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * @param graph Any graph: all have the same ops. @throws Error with TensorFlow's message if there
   * is no such op.
   */
  find(graph: Pointer, op: string): OpDef {
    const known = this.#known.get(op);
    if (known !== undefined) return known;
    const definition = parseOpDef(this.#read(graph, op));
    this.#known.set(op, definition);
    return definition;
  }

  #read(graph: Pointer, op: string): Uint8Array {
    const { api, context, memory } = this.#runtime;
    const buffer = api.TF_NewBuffer();
    try {
      api.TF_GraphGetOpDef(graph, op, buffer, context.status);
      assertOk(api, context.status, op);
      return memory.copyBuffer(buffer);
    } finally {
      api.TF_DeleteBuffer(buffer);
    }
  }
}

function parseOpDef(message: Uint8Array): OpDef {
  const inputs: InputDef[] = [];
  let stateful = false;
  for (const { number, value } of protobufFields(message)) {
    if (number === opField.inputArgument) inputs.push(parseInputDef(value as Uint8Array));
    if (number === opField.isStateful) stateful = value === 1;
  }
  return { inputs, stateful };
}

function parseInputDef(message: Uint8Array): InputDef {
  const texts = new Map<number, string>();
  for (const { number, value } of protobufFields(message))
    if (value instanceof Uint8Array) texts.set(number, Buffer.from(value).toString());
  const name = texts.get(argumentField.name) ?? '';
  const list =
    texts.get(argumentField.numberAttribute) ?? texts.get(argumentField.typeListAttribute);
  return list === undefined ? { name } : { name, list };
}

/** The inputs of a node in order: one tensor, or a list of tensors. */
export type InputGroup<Input> = { readonly single: Input } | { readonly list: readonly Input[] };

/**
 * Divides inputs that follow each other into single ones and lists, by the op's definition. The
 * lengths of lists are attributes; a list without one takes what the others leave.
 * @throws RangeError if the number of inputs does not fit.
 */
export function groupInputs<Input>(
  op: string,
  definition: OpDef,
  attributes: readonly Attribute[],
  inputs: readonly Input[],
): InputGroup<Input>[] {
  const lengths = definition.inputs.map(({ list }) =>
    list === undefined ? 1 : readLength(attributes, list),
  );
  const known = lengths.reduce<number>((sum, length) => sum + (length ?? 0), 0);
  const unknown = new Set(
    definition.inputs.filter((_, at) => lengths[at] === undefined).map(({ list }) => list),
  );
  const count = lengths.filter((length) => length === undefined).length;
  ensure(
    unknown.size <= 1,
    op,
    'attributes with the lengths of its lists',
    `none for ${[...unknown].join(' and ')}`,
  );
  const each = count === 0 ? 0 : (inputs.length - known) / count;
  ensure(
    Number.isInteger(each) && each >= 0 && known + each * count === inputs.length,
    op,
    `${known} inputs${count === 0 ? '' : ' or more'}`,
    inputs.length,
  );
  let from = 0;
  return definition.inputs.map(({ list }, at) => {
    const to = from + (lengths[at] ?? each);
    const group =
      list === undefined ? { single: inputs[from] as Input } : { list: inputs.slice(from, to) };
    from = to;
    return group;
  });
}

function readLength(attributes: readonly Attribute[], name: string): number | undefined {
  const value = attributes.find((attribute) => attribute.name === name)?.value;
  if (Array.isArray(value)) return value.length;
  return typeof value === 'number' ? value : undefined;
}
