import { parseArgs } from 'node:util';
import { expectedError } from '@kd/core';
import { type EngineName, engineNames } from '../src/contracts.ts';

export interface Options {
  readonly engine: EngineName;
  /** Runs only tests whose full name matches. */
  readonly filter: RegExp;
  /** File to which the outcome of every test is written. */
  readonly json?: string;
  /** Runs only what is excluded: a test that passes need not be excluded any more. */
  readonly excluded: boolean;
}

/**
 * Parses `--engine tensorflow|webgpu|wasm|cpu --filter <regular expression> --json <file>
 * --excluded`.
 */
export function parseCommandLine(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      engine: { type: 'string', default: 'tensorflow' },
      filter: { type: 'string', default: '' },
      json: { type: 'string' },
      excluded: { type: 'boolean', default: false },
    },
  });
  const engine = engineNames.find((name) => name === values.engine);
  if (engine === undefined)
    throw expectedError(
      'conformance',
      `--engine to be one of ${engineNames.join(', ')}`,
      values.engine,
    );
  return {
    engine,
    filter: new RegExp(values.filter),
    excluded: values.excluded,
    ...(values.json !== undefined && { json: values.json }),
  };
}
