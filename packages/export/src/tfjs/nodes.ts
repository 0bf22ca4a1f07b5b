import type { StoredTensor } from './manifest.ts';

/** An operation of a graph model, as TensorFlow's GraphDef in JSON. */
export interface NodeDef {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr: Readonly<Record<string, unknown>>;
}

/** Collects the nodes and the constants of a graph model. */
export interface NodeWriter {
  readonly nodes: readonly NodeDef[];
  readonly tensors: readonly StoredTensor[];
  /**
   * Adds an operation on float32 tensors. @param name A free name is made of it.
   * @returns The name.
   */
  add(op: string, name: string, inputs: readonly string[], attributes?: NodeAttributes): string;
  /** Adds a tensor. @returns Its name. */
  floats(name: string, values: Float32Array, shape: readonly number[]): string;
  integers(name: string, values: readonly number[], shape?: readonly number[]): string;
}

/** Text, whole numbers and lists of them, other numbers as `{ float }`, and booleans. */
export type NodeAttributes = Readonly<
  Record<
    string,
    string | number | boolean | readonly number[] | readonly string[] | { readonly float: number }
  >
>;

export function createNodeWriter(): NodeWriter {
  const nodes: NodeDef[] = [];
  const tensors: StoredTensor[] = [];
  const names = new Set<string>();
  const free = (wanted: string): string => {
    let name = wanted;
    for (let number = 1; names.has(name); number++) name = `${wanted}_${number}`;
    names.add(name);
    return name;
  };
  const constant = (wanted: string, tensor: Omit<StoredTensor, 'name'>): string => {
    const name = free(wanted);
    const type = tensor.values instanceof Int32Array ? 'DT_INT32' : 'DT_FLOAT';
    const dim = tensor.shape.map((side) => ({ size: String(side) }));
    const value = { tensor: { dtype: type, tensorShape: { dim } } };
    nodes.push({ name, op: 'Const', attr: { dtype: { type }, value } });
    tensors.push({ name, ...tensor });
    return name;
  };
  return {
    nodes,
    tensors,
    add(op, wanted, input, attributes = {}) {
      const name = free(wanted);
      const attr = Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [key, encodeAttribute(value)]),
      );
      nodes.push({ name, op, input: [...input], attr: { T: { type: 'DT_FLOAT' }, ...attr } });
      return name;
    },
    floats: (name, values, shape) => constant(name, { values, shape }),
    integers: (name, values, shape = [values.length]) =>
      constant(name, { values: Int32Array.from(values), shape }),
  };
}

function encodeAttribute(value: NodeAttributes[string]): unknown {
  if (typeof value === 'string') return { s: encodeText(value) };
  if (typeof value === 'number') return { i: String(value) };
  if (typeof value === 'boolean') return { b: value };
  if (!isList(value)) return { f: value.float };
  const list: readonly (number | string)[] = value;
  return typeof list[0] === 'string'
    ? { list: { s: list.map((text) => encodeText(String(text))) } }
    : { list: { i: list.map(String) } };
}

function isList(
  value: readonly number[] | readonly string[] | { readonly float: number },
): value is readonly number[] | readonly string[] {
  return Array.isArray(value);
}

/** Protobuf's JSON has bytes in base64. */
function encodeText(text: string): string {
  return btoa(text);
}
