/** Checks of JSON that may be of any origin. */
import { ensure, expectedError } from '@kd/core';

/**
 * Parses JSON and checks the version of its content; null stands for NaN.
 * @param what - What it is expected to be: `a run record`.
 * @throws RangeError on text that is no JSON object, or one of another format.
 */
export function parseVersioned(
  json: string,
  caller: string,
  {
    what,
    format,
    remedyOf,
  }: {
    readonly what: string;
    readonly format: number;
    /** Returns what to do about another format. */
    readonly remedyOf: (found: unknown) => string;
  },
): unknown {
  let value: unknown;
  try {
    value = JSON.parse(json, (_, field: unknown) => (field === null ? Number.NaN : field));
  } catch (cause) {
    throw expectedError(caller, `${what} in JSON`, (cause as Error).message);
  }
  fields({})(value, caller);
  const { format: found } = value as { readonly format?: unknown };
  ensure(
    found === format,
    caller,
    `${what} of format ${format}`,
    found === undefined ? 'an object without format' : `format ${String(found)}`,
    remedyOf(found),
  );
  return value;
}

/** Checks a field. @throws RangeError that names it by its path. */
export type Check = (value: unknown, path: string) => void;

export function kind(expected: string, isRight: (value: unknown) => boolean): Check {
  return (value, path) => ensure(isRight(value), path, expected, describe(value));
}

/** Names a wrong value without its content, which may be long. */
export function describe(value: unknown): unknown {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? value.slice(0, 40) : value;
}

export const text = kind('a text', (value) => typeof value === 'string');
export const number = kind('a number', (value) => typeof value === 'number');
export const flag = kind('true or false', (value) => typeof value === 'boolean');

/** Nothing but a PNG, so that a page with it loads nothing. */
export const png = kind(
  'a PNG as data URI',
  (value) =>
    typeof value === 'string' && /^data:image\/png;base64,[A-Za-z0-9+/]+={0,2}$/.test(value),
);

export function oneOf(...choices: readonly unknown[]): Check {
  return kind(`one of ${choices.join(', ')}`, (value) => choices.includes(value));
}

/** An object with these fields, of which some may be absent. It may have more. */
export function fields(
  required: Readonly<Record<string, Check>>,
  optional: Readonly<Record<string, Check>> = {},
): Check {
  const isObject = kind(
    'an object',
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );
  return (value, path) => {
    isObject(value, path);
    const record = value as Readonly<Record<string, unknown>>;
    for (const [name, check] of Object.entries({ ...required, ...optional }))
      if (record[name] !== undefined || Object.hasOwn(required, name))
        check(record[name], path.includes(': ') ? `${path}.${name}` : `${path}: ${name}`);
  };
}

export function list(item: Check): Check {
  const isList = kind('a list', Array.isArray);
  return (value, path) => {
    isList(value, path);
    for (const [index, each] of (value as readonly unknown[]).entries())
      item(each, `${path}[${index}]`);
  };
}

/** An object with any names. @param name - Checks them. */
export function table(item: Check, name: Check = () => {}): Check {
  const isObject = fields({});
  return (value, path) => {
    isObject(value, path);
    for (const [key, each] of Object.entries(value as object)) {
      name(key, path);
      item(each, `${path}.${key}`);
    }
  };
}
