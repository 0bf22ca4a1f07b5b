import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expectedError, type ProgressFactory } from '@kd/core';
import { ensureDirectory } from '../atomicWrite.ts';
import { hashFile } from '../checksum.ts';
import { download, isDiskError } from '../download.ts';

/** Largest tarball in bytes. */
const maxBytes = 2 ** 29;

/** Options of `npmTarball`. */
export interface NpmOptions {
  readonly directory: string;
  readonly createProgress?: ProgressFactory | undefined;
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** End of the message if npm cannot fetch it either; to try `npm pack` by default. */
  readonly remedy?: string;
}

/**
 * Downloads the tarball of an npm package from the registry of the user's npm. npm returns its URL,
 * and the download can be resumed and shows progress; if that fails (a proxy, a registry that
 * requires a password), `npm pack` fetches it.
 * @param spec `name@version`. @param sha512 Checksum of the tarball in hexadecimal.
 * @returns Path of the file; the caller removes it.
 * @throws RangeError if it cannot be fetched, or has another checksum.
 */
export async function npmTarball(
  spec: string,
  sha512: string,
  options: NpmOptions,
): Promise<string> {
  const { directory, createProgress, log, signal } = options;
  const name = `${spec.replace(/[^A-Za-z0-9.-]/g, '-')}.tgz`;
  const file = await downloadTarball().catch((error: Error) => {
    signal?.throwIfAborted();
    if (isDiskError(error.cause)) throw error;
    log(`npm pack fetches ${spec}, since the download failed: ${error.message}`);
    return packWithNpm(spec, name, options);
  });
  const got = await hashFile(file, 'sha512', signal);
  if (got !== sha512) {
    await rm(file, { force: true });
    throw expectedError(
      `npm package ${spec}`,
      `sha512 ${sha512.slice(0, 16)}…`,
      `${got.slice(0, 16)}…`,
      'what the registry sent is altered; try again or another registry',
    );
  }
  return file;

  async function downloadTarball(): Promise<string> {
    const address: unknown = JSON.parse(
      await npm(['view', spec, 'dist.tarball', '--json'], signal),
    );
    return download(new URL(String(address)), {
      directory,
      name,
      resume: true,
      maxBytes,
      createProgress,
      signal,
    });
  }
}

async function packWithNpm(
  spec: string,
  name: string,
  { directory, signal, remedy = 'try `npm pack` by hand' }: NpmOptions,
): Promise<string> {
  const own = path.join(directory, `npm-pack-${randomUUID()}`);
  await ensureDirectory(own);
  try {
    await npm(['pack', spec, '--pack-destination', own, '--silent'], signal);
    const [tarball] = await readdir(own);
    if (tarball === undefined) throw expectedError('npm pack', `a tarball of ${spec}`, 'none');
    const file = path.join(directory, `${path.basename(own)}-${name}`);
    await rename(path.join(own, tarball), file);
    return file;
  } catch (cause) {
    signal?.throwIfAborted();
    throw Object.assign(
      expectedError(
        `npm package ${spec}`,
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

/** Runs npm: the one that runs this process, or the one on the PATH. @returns Its output. */
async function npm(
  parameters: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const running = process.env.npm_execpath;
  const isNpm = running !== undefined && /^npm(-cli)?\.c?js$/.test(path.basename(running));
  const isWindows = process.platform === 'win32';
  const command = isNpm ? process.execPath : isWindows ? 'npm.cmd' : 'npm';
  // Windows starts .cmd files through a shell only. Only the directory comes from outside, and it
  // is
  // quoted.
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
