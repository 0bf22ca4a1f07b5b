import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type PipRun, runPip } from '@kd/files/node';

export interface Download extends Omit<PipRun, 'args'> {
  /** `tensorflow-cpu==2.21.*`. */
  readonly requirement: string;
}

/**
 * Downloads one wheel with pip, into a folder that is empty. @returns Its path. @throws Error with
 * pip's last words.
 */
export async function downloadWheel(download: Download): Promise<string> {
  const { requirement, folder, signal } = download;
  signal?.throwIfAborted();
  const own = await run(download, []);
  signal?.throwIfAborted();
  // The libraries do not care for Python's version: where this Python is too new or too old for the
  // wheels, another's wheel does.
  const result = own === undefined ? own : await run(download, ['--python-version', '3.12']);
  signal?.throwIfAborted();
  const wheel =
    result === undefined
      ? (await readdir(folder)).find((name) => name.endsWith('.whl'))
      : undefined;
  if (wheel === undefined)
    throw new Error(
      `kd-engine install: expected pip to download ${requirement}, got: ${own ?? 'no wheel'}`,
    );
  return join(folder, wheel);
}

/** @returns Why it failed, or undefined where it did not. */
function run(
  { requirement, ...pip }: Download,
  extra: readonly string[],
): Promise<string | undefined> {
  const args = [
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--progress-bar=off',
    ...extra,
    '--dest',
    pip.folder,
    requirement,
  ];
  return runPip({ ...pip, args });
}
