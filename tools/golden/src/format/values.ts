import { expectedError } from '@kd/core';
import { isObject, type Json, type JsonObject } from './file.ts';

/**
 * Reads a number of an object.
 * @param fallback The value if it is missing; without one it is required.
 */
export function numberOf(object: JsonObject, name: string, fallback?: number): number {
  const value = object[name] ?? fallback;
  if (typeof value !== 'number') throw expectedError('golden', `${name} as a number`, value);
  return value;
}

export function textOf(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value !== 'string') throw expectedError('golden', `${name} as text`, value);
  return value;
}

export function objectOf(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  if (!isObject(value)) throw expectedError('golden', `${name} as an object`, value);
  return value;
}

export function objectsOf(object: JsonObject, name: string): readonly JsonObject[] {
  const value = object[name];
  if (!Array.isArray(value) || !value.every(isObject))
    throw expectedError('golden', `${name} as a list of objects`, value);
  return value;
}

export function numbersOf(object: JsonObject, name: string): readonly number[] {
  return asNumbers(object[name], name);
}

/** Reads rows of numbers. */
export function rowsOf(object: JsonObject, name: string): readonly (readonly number[])[] {
  const value = object[name];
  if (!Array.isArray(value)) throw expectedError('golden', `${name} as rows of numbers`, value);
  return value.map((row) => asNumbers(row, name));
}

function asNumbers(value: Json | undefined, name: string): readonly number[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'number'))
    throw expectedError('golden', `${name} as a list of numbers`, value);
  return value;
}
