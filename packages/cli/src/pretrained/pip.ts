import { expectedError } from '@kd/core';
import { type PipRun, runPip } from '@kd/files/node';

export interface Unpacking extends Omit<PipRun, 'args'> {
  /** A file of requirements, each with the checksum of its wheel: pip takes no other. */
  readonly requirements: string;
  /** Where the wheels are unpacked to. */
  readonly target: string;
}

/**
 * Fetches wheels and unpacks them beside whatever Python has: nothing is built, run or installed.
 * @throws RangeError with pip's last words.
 */
export async function unpackWithPip({ requirements, target, ...pip }: Unpacking): Promise<void> {
  const plain = [
    '--no-deps',
    '--only-binary=:all:',
    '--no-compile',
    '--progress-bar=off',
    '--disable-pip-version-check',
  ];
  const failure = await runPip({
    ...pip,
    args: [
      'install',
      ...plain,
      '--require-hashes',
      '--target',
      target,
      '--requirement',
      requirements,
    ],
  });
  pip.signal?.throwIfAborted();
  if (failure !== undefined)
    throw expectedError(
      'pip',
      `the wheels of ${requirements} with their checksums`,
      failure,
      'is the package index to be reached?',
    );
}
