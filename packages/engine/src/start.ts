import { expectedError } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import {
  type Engine,
  type EngineName,
  type EngineProvider,
  engineNames,
  type Opened,
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
  readonly candidates: readonly EngineProvider[];
  /** The engine that the environment names. */
  named(): string | undefined;
  /** Registers TensorFlow.js's gradients, once. */
  registerGradients(): Promise<void>;
}

const usualOrder = ['tensorflow', 'webgpu', 'wasm'] as const satisfies readonly EngineName[];

/**
 * `startEngine` of a platform. @throws Error where none starts, or the one that was named does not.
 */
export async function startOn(
  platform: Platform,
  { engine, prefer = usualOrder, log = tell }: StartOptions = {},
): Promise<Engine> {
  const named = engine ?? platform.named();
  const order = named === undefined ? prefer : [named];
  for (const name of order)
    expectKnown(name, engine === undefined && named !== undefined ? 'KD_ENGINE' : 'startEngine');
  await platform.registerGradients();
  const refused: Unavailable[] = [];
  for (const candidate of candidatesOf(platform, order as EngineName[])) {
    const opened = await tryOut(candidate, order.length === 1);
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
export async function tryOut(
  candidate: EngineProvider,
  named = true,
): Promise<Opened | { readonly reason: string }> {
  const current = currentBackend();
  try {
    const opened = await candidate.open();
    if ('reason' in opened) return opened;
    if (opened.onlyIfNamed !== undefined && !named) return { reason: opened.onlyIfNamed };
    const reason = (await tf.setBackend(candidate.name))
      ? await probeTraining()
      : 'TensorFlow.js could not set it up';
    if (reason === undefined) return opened;
    await restore(current);
    return { reason };
  } catch (error) {
    await restore(current);
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

function candidatesOf(platform: Platform, order: readonly EngineName[]): EngineProvider[] {
  const missing = (name: EngineName): EngineProvider => ({
    name,
    open: async () => ({ reason: 'it does not run on this platform' }),
  });
  return order.map(
    (name) => platform.candidates.find((candidate) => candidate.name === name) ?? missing(name),
  );
}

function expectKnown(name: string, caller: string): void {
  if (!engineNames.some((known) => known === name))
    throw expectedError(caller, `one of ${engineNames.join(', ')}`, name);
}

/** The backend that is set, if any is: `getBackend` answers '' before the first. */
function currentBackend(): string | undefined {
  return tf.engine().backendName || undefined;
}

async function restore(backend: string | undefined): Promise<void> {
  if (backend !== undefined) await tf.setBackend(backend);
}

function startedLine(
  name: EngineName,
  { version, device, threads, notes }: Opened,
  refused: readonly Unavailable[],
): string {
  const of = [device, `${threads} ${threads === 1 ? 'thread' : 'threads'}`, ...notes].join(', ');
  const others = refused.map((refusal) => `; not ${refusal.name}: ${refusal.reason}`).join('');
  return `engine: ${name} ${version} (${of})${others}`;
}

/** The usual place for a line about engines. */
export function tell(line: string): void {
  // biome-ignore lint/suspicious/noConsole: the default of an option; whoever wants silence passes
  // their own.
  console.error(line);
}
