/** The grammar of all error messages: `function: expected …, got …; remedy.` */

/**
 * Creates the error for a wrong value.
 * @returns RangeError: `softTargets: expected temperature > 0, got 0; 4 is usual.`
 */
export function expectedError(
  caller: string,
  expected: string,
  got: unknown,
  remedy?: string,
): RangeError {
  return new RangeError(
    `${caller}: expected ${expected}, got ${show(got)}${remedy === undefined ? '' : `; ${remedy}`}.`,
  );
}

/** Throws an `expectedError` unless `ok`. */
export function ensure(
  ok: boolean,
  caller: string,
  expected: string,
  got: unknown,
  remedy?: string,
): asserts ok {
  if (!ok) throw expectedError(caller, expected, got, remedy);
}

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  return String(value);
}
