import { expectedError } from '@kd/core';

/** A command line that cannot be followed: exit code 2, where a run that failed has 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** In the grammar of all errors: `--epochs: expected …, got …; remedy.` */
export function usage(flag: string, expected: string, got: unknown, remedy?: string): UsageError {
  return new UsageError(expectedError(flag, expected, got, remedy).message);
}
