import { expectedError } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import {
  type Engine,
  type EngineName,
  type EngineProvider,
  engineNames,
  type OpenedEngine,
  type Unavailable,
} from './contracts.ts';
import { probeTraining } from './probe.ts';

export interface StartOptions {
  /**
   * The only engine to try. Default: `KD_ENGINE` of the environment, else the first of `prefer`
   * that trains.
   */
  readonly engine?: EngineName;
  /**
   * The order in which engines are tried; default tensorflow, webgpu, wasm. `cpu` is tried only if
   * it is named here or in `engine`.
   */
  readonly prefer?: readonly EngineName[];
  /**
   * Called with one line: the engine that started, and each that did not with the reason. Default:
   * `console.error`.
   */
  readonly log?: (line: string) => void;
}

/** The differences between Node and a browser. */
export interface Platform {
  readonly providers: readonly EngineProvider[];
  /** The engine that the environment names, if any. */
  requestedEngine(): string | undefined;
  /** Registers TensorFlow.js's gradients, once. */
  registerGradients(): Promise<void>;
}

const usualOrder = ['tensorflow', 'webgpu', 'wasm'] as const satisfies readonly EngineName[];

/** Implements `startEngine` for a platform. @throws Error if no engine starts. */
export async function startEngineOn(
  platform: Platform,
  { engine, prefer = usualOrder, log = warn }: StartOptions = {},
): Promise<Engine> {
  const named = engine ?? platform.requestedEngine();
  const order = named === undefined ? prefer : [named];
  for (const name of order)
    assertEngineName(
      name,
      engine === undefined && named !== undefined ? 'KD_ENGINE' : 'startEngine',
    );
  await platform.registerGradients();
  const refused: Unavailable[] = [];
  for (const provider of selectProviders(platform, order as EngineName[])) {
    const opened = await probeEngine(provider, order.length === 1);
    if ('reason' in opened) {
      refused.push({ name: provider.name, reason: opened.reason });
      continue;
    }
    const { version, device, threads, group } = opened;
    log(startedLine(provider.name, opened, refused));
    return {
      name: provider.name,
      version,
      device,
      threads,
      refused,
      ...(group === undefined ? {} : { group }),
    };
  }
  const reasons = refused.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  throw new Error(
    `startEngine: expected ${order.join(' or ')} to start, got ${reasons}; name another engine.`,
  );
}

/**
 * Opens an engine, makes it current and trains one step on it. If that fails, the engine before it
 * stays current.
 * @param named Whether it is the only engine to try.
 */
export async function probeEngine(
  provider: EngineProvider,
  named = true,
): Promise<OpenedEngine | { readonly reason: string }> {
  const current = currentBackend();
  try {
    const opened = await provider.open();
    if ('reason' in opened) return opened;
    if (opened.onlyIfNamed !== undefined && !named) return { reason: opened.onlyIfNamed };
    const reason = (await tf.setBackend(provider.name))
      ? await probeTraining()
      : 'TensorFlow.js could not set it up';
    if (reason === undefined) return opened;
    await restoreBackend(current);
    return { reason };
  } catch (error) {
    await restoreBackend(current);
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

function selectProviders(platform: Platform, order: readonly EngineName[]): EngineProvider[] {
  const missing = (name: EngineName): EngineProvider => ({
    name,
    open: async () => ({ reason: 'it does not run on this platform' }),
  });
  return order.map(
    (name) => platform.providers.find((provider) => provider.name === name) ?? missing(name),
  );
}

function assertEngineName(name: string, caller: string): void {
  if (!engineNames.some((known) => known === name))
    throw expectedError(caller, `one of ${engineNames.join(', ')}`, name);
}

/** The current backend, if one is set: `getBackend` returns '' before the first. */
function currentBackend(): string | undefined {
  return tf.engine().backendName || undefined;
}

async function restoreBackend(backend: string | undefined): Promise<void> {
  if (backend !== undefined) await tf.setBackend(backend);
}

function startedLine(
  name: EngineName,
  { version, device, threads, notes }: OpenedEngine,
  refused: readonly Unavailable[],
): string {
  const details = [device, `${threads} ${threads === 1 ? 'thread' : 'threads'}`, ...notes].join(
    ', ',
  );
  const others = refused.map((refusal) => `; not ${refusal.name}: ${refusal.reason}`).join('');
  return `engine: ${name} ${version} (${details})${others}`;
}

/** The default of `log`. */
export function warn(line: string): void {
  // biome-ignore lint/suspicious/noConsole: the default of an option; pass another for silence.
  console.error(line);
}
