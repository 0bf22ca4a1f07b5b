import { expectedError } from '@kd/core';
import { architectureNames, methodNames } from './formerNames.ts';

/** A wrong command line or experiment: exit code 2, where a run that failed has 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A UsageError in the grammar of all errors: `--epochs: expected …, got …; remedy.` */
export function usageError(
  caller: string,
  expected: string,
  got: unknown,
  remedy?: string,
): UsageError {
  return new UsageError(expectedError(caller, expected, got, remedy).message);
}

/** Former names of methods and architectures, by the name that replaces them. */
const formerNames: Readonly<Record<string, string>> = { ...methodNames, ...architectureNames };

/**
 * Checks that a text is one of the names of a table.
 * @throws UsageError that lists the names, or says what a former name has become.
 */
export function chooseName<Name extends string>(
  choices: Readonly<Record<Name, unknown>>,
  text: unknown,
  caller: string,
): Name {
  if (typeof text === 'string' && Object.hasOwn(choices, text)) return text as Name;
  const current =
    typeof text === 'string' && Object.hasOwn(formerNames, text) ? formerNames[text] : undefined;
  if (current !== undefined && Object.hasOwn(choices, current))
    throw usageError(caller, current, `its former name ${text}`);
  throw usageError(
    caller,
    `one of ${Object.keys(choices).join(', ')}`,
    text === '' ? 'nothing' : text,
  );
}
