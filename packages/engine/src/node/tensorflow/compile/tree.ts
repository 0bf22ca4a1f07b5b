import { expectedError } from '@kd/core';
import { Tensor, type TensorContainer } from '@tensorflow/tfjs-core';

/** The structure of a container: a leaf is the tensor's position in the flat list. */
export type Tree = number | undefined | readonly Tree[] | { readonly [name: string]: Tree };

/** A container as a flat list of tensors and a structure. */
export interface FlattenedTree {
  readonly tensors: readonly Tensor[];
  readonly tree: Tree;
  /** Equal for containers of the same structure. */
  readonly structure: string;
}

/**
 * Flattens arrays and records of tensors, in order.
 * @param caller Prefix of the error: `compile: argument`, `compile: result`.
 * @throws RangeError on a value that is no tensor: it would be the same at every call.
 */
export function flatten(caller: string, container: unknown): FlattenedTree {
  const tensors: Tensor[] = [];
  const names: string[] = [];
  const walk = (value: unknown, path: string): Tree => {
    if (value instanceof Tensor) {
      names.push('#');
      return tensors.push(value) - 1;
    }
    if (value === undefined) {
      names.push('-');
      return undefined;
    }
    if (Array.isArray(value)) {
      names.push('[');
      const parts = value.map((part, at) => walk(part, `${path}[${at}]`));
      names.push(']');
      return parts;
    }
    if (!isRecord(value)) throw nonTensorError(caller, value, path);
    names.push('{');
    const entries = Object.entries(value).map(([name, part]) => {
      names.push(name, ':');
      return [name, walk(part, path === '' ? name : `${path}.${name}`)] as const;
    });
    names.push('}');
    return Object.fromEntries(entries);
  };
  const tree = walk(container, '');
  return { tensors, tree, structure: names.join('') };
}

/** Puts tensors at the leaves of a structure. */
export function unflatten(tree: Tree, tensors: readonly Tensor[]): TensorContainer {
  if (tree === undefined) return undefined;
  if (typeof tree === 'number') return tensors[tree];
  if (Array.isArray(tree)) return tree.map((part: Tree) => unflatten(part, tensors));
  return Object.fromEntries(
    Object.entries(tree).map(([name, part]) => [name, unflatten(part, tensors)]),
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return !(value instanceof Promise);
}

function nonTensorError(caller: string, value: unknown, path: string): RangeError {
  const fixed =
    'pass a tensor, such as tf.scalar(…): anything else would be fixed at the first call';
  const remedy = value instanceof Promise ? 'a compiled function cannot wait' : fixed;
  return expectedError(
    caller,
    'tensors, or arrays and records of them',
    `${describeValue(value)}${path === '' ? '' : ` in ${path}`}`,
    remedy,
  );
}

function describeValue(value: unknown): string {
  if (value instanceof Promise) return 'a promise';
  if (value === null) return 'null';
  return ArrayBuffer.isView(value)
    ? value.constructor.name
    : `the ${typeof value} ${String(value)}`;
}
