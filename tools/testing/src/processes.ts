import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** How a process of a group ended, and the JSON lines that it printed. */
export interface EndedProcess<Line> {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: readonly Line[];
  readonly stderr: string;
}

/** How a group of processes is started. */
export interface GroupOptions {
  readonly processes: number;
  /** Arguments of every process. */
  readonly args: readonly string[];
  /** How long a process waits for the others; 20 by default. */
  readonly timeoutSeconds?: number;
  /** Ranks that do not end by themselves: they are killed when all others have ended. */
  readonly stopped?: readonly number[];
}

/** Runs a TypeScript file as every process of a group. */
export async function runProcessGroup<Line>(
  file: URL,
  { processes, args, timeoutSeconds = 20, stopped = [] }: GroupOptions,
): Promise<EndedProcess<Line>[]> {
  const path = fileURLToPath(file);
  const workers = (await freePorts(processes)).map((port) => `127.0.0.1:${port}`).join();
  const children = Array.from({ length: processes }, (_, rank) => {
    const group = {
      KD_CLUSTER: workers,
      KD_CLUSTER_INDEX: String(rank),
      KD_CLUSTER_TIMEOUT: String(timeoutSeconds),
      KD_THREADS: '1',
    };
    return spawn(process.execPath, ['--conditions=@kd/source', '--import', 'tsx', path, ...args], {
      env: { ...process.env, KD_ENGINE: '', ...group },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
  });
  const ends = children.map(
    (child) =>
      new Promise<EndedProcess<Line>>((resolve) => {
        const [out, err]: [Buffer[], Buffer[]] = [[], []];
        child.stdout.on('data', (bytes) => out.push(bytes));
        child.stderr.on('data', (bytes) => err.push(bytes));
        child.on('close', (status, signal) => {
          const lines = Buffer.concat(out).toString().split('\n').filter(Boolean);
          resolve({
            status,
            signal,
            lines: lines.map((line) => JSON.parse(line)),
            stderr: Buffer.concat(err).toString(),
          });
        });
      }),
  );
  await Promise.all(ends.filter((_, rank) => !stopped.includes(rank)));
  for (const rank of stopped) children[rank]?.kill('SIGKILL');
  return Promise.all(ends);
}

/** Ports of this machine that nobody listens on at this moment, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
