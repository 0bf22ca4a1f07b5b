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
   * This one or an error. Without it `KD_ENGINE` of the environment, then the first of `prefer`
   * that trains.
   */
  readonly engine?: EngineName;
  /**
   * In which order to try; default tensorflow, webgpu, wasm. `cpu` only if it is named here or in
   * `engine`.
   */
  readonly prefer?: readonly EngineName[];
  /** Told in one line what was started, and what was not and why. Default: `console.error`. */
  readonly log?: (line: string) => void;
}

/** What differs between Node and a browser. */
export interface Platform {
  readonly providers: readonly EngineProvider[];
  /** The engine that the environment names. */
  requestedEngine(): string | undefined;
  /** Registers TensorFlow.js's gradients, once. */
  registerGradients(): Promise<void>;
}

const usualOrder = ['tensorflow', 'webgpu', 'wasm'] as const satisfies readonly EngineName[];

/**
 * `startEngine` of a platform. @throws Error where none starts, or the one that was named does not.
 */
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
  for (const candidate of selectProviders(platform, order as EngineName[])) {
    const opened = await probeEngine(candidate, order.length === 1);
    if ('reason' in opened) {
      refused.push({ name: candidate.name, reason: opened.reason });
      continue;
    }
    const { version, device, threads, group } = opened;
    log(startedLine(candidate.name, opened, refused));
    return {
      name: candidate.name,
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
 * Opens a candidate, makes it current and lets it train a step. Where it fails, the engine that was
 * current still is.
 * @param named Whether it is the only one that is wanted.
 */
export async function probeEngine(
  candidate: EngineProvider,
  named = true,
): Promise<OpenedEngine | { readonly reason: string }> {
  const current = currentBackend();
  try {
    const opened = await candidate.open();
    if ('reason' in opened) return opened;
    if (opened.onlyIfNamed !== undefined && !named) return { reason: opened.onlyIfNamed };
    const reason = (await tf.setBackend(candidate.name))
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
    (name) => platform.providers.find((candidate) => candidate.name === name) ?? missing(name),
  );
}

function assertEngineName(name: string, caller: string): void {
  if (!engineNames.some((known) => known === name))
    throw expectedError(caller, `one of ${engineNames.join(', ')}`, name);
}

/** The backend that is set, if any is: `getBackend` answers '' before the first. */
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
  const of = [device, `${threads} ${threads === 1 ? 'thread' : 'threads'}`, ...notes].join(', ');
  const others = refused.map((refusal) => `; not ${refusal.name}: ${refusal.reason}`).join('');
  return `engine: ${name} ${version} (${of})${others}`;
}

/** The usual place for a line about engines. */
export function warn(line: string): void {
  // biome-ignore lint/suspicious/noConsole: the default of an option; whoever wants silence passes
  // their own.
  console.error(line);
}
