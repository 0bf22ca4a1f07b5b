import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, preview } from 'vite';

/** The example's directory. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** The bundled page on the loopback interface. */
export interface ServedPage {
  readonly url: string;
  /** Stops the server; a page that is kept offline goes on. */
  stop(): Promise<void>;
  /** Stops the server and removes the bundle. */
  remove(): Promise<void>;
}

/** Bundles the page as a user would, and serves it. */
export async function servePage(): Promise<ServedPage> {
  const outDir = await mkdtemp(path.join(tmpdir(), 'kd-page-'));
  const settings = { root, mode: 'production', logLevel: 'error', build: { outDir } } as const;
  await build(settings);
  const server = await preview({ ...settings, preview: { host: '127.0.0.1', port: 0 } });
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error('servePage: expected an address, got none.');
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= server.close();
    return stopping;
  };
  return {
    url,
    stop,
    async remove() {
      await stop();
      await rm(outDir, { recursive: true, force: true });
    },
  };
}
