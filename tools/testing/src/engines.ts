import { beforeAll, describe, test } from 'vitest';

const ENGINES = ['cpu', 'wasm', 'tensorflow'] as const;

/** An engine that the tests know. */
export type EngineUnderTest = (typeof ENGINES)[number];

/**
 * Runs a suite once on every engine, each in a `describe` of its own, with that engine current.
 * An engine that does not start here is one skipped test that says why; where
 * `KD_REQUIRE_ENGINES=cpu,wasm,tensorflow` names it, it is a failed one.
 */
export function onEveryEngine(suite: (engine: EngineUnderTest) => void): void {
  for (const engine of ENGINES) {
    describe(`on ${engine}`, async () => {
      const refusal = await explainStartFailure(engine);
      if (refusal === undefined) {
        beforeAll(() => start(engine));
        suite(engine);
      } else if (required().includes(engine)) {
        test('the engine starts', () => {
          throw new Error(
            `onEveryEngine: expected ${engine} to start (KD_REQUIRE_ENGINES names it), got: ${refusal}`,
          );
        });
      } else {
        test(`${engine} does not start here: ${refusal}`, ({ skip }) => skip());
      }
    });
  }
}

/** Why an engine does not start here; undefined where it does, and it is then current. */
export async function explainStartFailure(engine: EngineUnderTest): Promise<string | undefined> {
  try {
    await start(engine);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function start(engine: EngineUnderTest): Promise<void> {
  const { startEngine } = await import('@kd/engine');
  const started = await startEngine({ engine, log: () => {} });
  if (started.name !== engine)
    throw new Error(`startEngine: expected ${engine}, got ${started.name}.`);
}

function required(): string[] {
  return (process.env.KD_REQUIRE_ENGINES ?? '').split(',').map((name) => name.trim());
}
