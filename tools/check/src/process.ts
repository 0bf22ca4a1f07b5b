import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** How a command ended. */
export interface Outcome {
  readonly ok: boolean;
  /** What it wrote on both streams; empty where it wrote straight to the terminal. */
  readonly output: string;
}

/** Where and how a command runs. */
export interface RunOptions {
  /** The working directory; by default the root. */
  readonly directory?: string;
  /** Variables beside those of this process; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** true: it writes straight to the terminal. */
  readonly visible?: boolean;
  /** Niceness, 0 (default) to 19: a higher one leaves the processor to others. */
  readonly priority?: number;
}

/** Runs a script with the Node that runs us. */
export function runNode(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return run(process.execPath, args, options, false);
}

/**
 * Runs the command that a package in node_modules brings, without a shell and without npx: the same
 * on every system.
 */
export function runTool(
  packageName: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const directory = join(root, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>;
  };
  const script = typeof bin === 'string' ? bin : (Object.values(bin)[0] as string);
  return runNode([join(directory, script), ...args], options);
}

/** Runs npm: the one that runs us, or the one on the path. */
export function runNpm(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const script = process.env.npm_execpath;
  if (script?.endsWith('.js') === true) return runNode([script, ...args], options);
  return run('npm', args, options, process.platform === 'win32');
}

function run(
  command: string,
  args: readonly string[],
  { directory = root, env, visible = false, priority = 0 }: RunOptions,
  shell: boolean,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: directory,
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', ...env },
      stdio: visible ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      shell,
    });
    if (priority > 0 && child.pid !== undefined) setPriority(child.pid, priority);
    const parts: Buffer[] = [];
    child.stdout?.on('data', (part: Buffer) => parts.push(part));
    child.stderr?.on('data', (part: Buffer) => parts.push(part));
    const end = (ok: boolean, more = ''): void =>
      resolve({ ok, output: Buffer.concat(parts).toString('utf8') + more });
    child.on('error', (error) => end(false, `${command}: ${error.message}`));
    child.on('close', (code) => end(code === 0));
  });
}
