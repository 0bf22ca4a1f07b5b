import { expectedError } from '@kd/core';
import { Tensor, type TensorContainer } from '@tensorflow/tfjs-core';

/** Where the tensors of a container stand in its flat list. */
export type Template =
  | number
  | undefined
  | readonly Template[]
  | { readonly [name: string]: Template };

/** A container taken apart. */
export interface Flat {
  readonly tensors: readonly Tensor[];
  readonly template: Template;
  /** Equal for containers of the same structure. */
  readonly structure: string;
}

/**
 * Takes arrays and records of tensors apart, in order.
 * @param caller For the message: `compile: argument`, `compile: result`.
 * @throws RangeError on anything that is no tensor: it would be the same at every call.
 */
export function flatten(caller: string, container: unknown): Flat {
  const tensors: Tensor[] = [];
  const names: string[] = [];
  const walk = (value: unknown, path: string): Template => {
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
    if (!isRecord(value)) throw refused(caller, value, path);
    names.push('{');
    const entries = Object.entries(value).map(([name, part]) => {
      names.push(name, ':');
      return [name, walk(part, path === '' ? name : `${path}.${name}`)] as const;
    });
    names.push('}');
    return Object.fromEntries(entries);
  };
  const template = walk(container, '');
  return { tensors, template, structure: names.join('') };
}

/** Puts tensors in the places that a template has for them. */
export function rebuild(template: Template, tensors: readonly Tensor[]): TensorContainer {
  if (template === undefined) return undefined;
  if (typeof template === 'number') return tensors[template];
  if (Array.isArray(template)) return template.map((part: Template) => rebuild(part, tensors));
  return Object.fromEntries(
    Object.entries(template).map(([name, part]) => [name, rebuild(part, tensors)]),
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return !(value instanceof Promise);
}

function refused(caller: string, value: unknown, path: string): RangeError {
  const fixed =
    'pass a tensor, such as tf.scalar(…): anything else would be fixed at the first call';
  const remedy = value instanceof Promise ? 'a compiled function cannot wait' : fixed;
  return expectedError(
    caller,
    'tensors, or arrays and records of them',
    `${named(value)}${path === '' ? '' : ` in ${path}`}`,
    remedy,
  );
}

function named(value: unknown): string {
  if (value instanceof Promise) return 'a promise';
  if (value === null) return 'null';
  return ArrayBuffer.isView(value)
    ? value.constructor.name
    : `the ${typeof value} ${String(value)}`;
}
