import { expectClose } from '@kd/testing';
import { expect } from 'vitest';
import { fiftySteps, numbersOf, type Parts } from './fiftySteps.ts';

/**
 * Both ways; losses and norms of each epoch and all weights at the end must agree, and validations
 * with what they were without folding.
 */
export async function expectSameBothWays(make: () => Parts, size = 8): Promise<void> {
  delete process.env.KD_COMPILE;
  const compiled = await fiftySteps(make, size);
  process.env.KD_COMPILE = 'off';
  const eager = await fiftySteps(make, size);
  expectClose(numbersOf(compiled.reports), numbersOf(eager.reports), 1e-5);
  for (const [name, values] of Object.entries(eager.weights)) {
    try {
      expectClose(compiled.weights[name] ?? [], values, 1e-5);
    } catch (cause) {
      throw new Error(`${name}: ${(cause as Error).message}`, { cause });
    }
  }
  for (const { reports, unfolded } of [compiled, eager])
    expectClose([reports.at(-1)?.validation?.loss ?? 0], [unfolded], 1e-5);
  const [first, last] = [eager.reports[0]?.terms.total, eager.reports.at(-1)?.terms.total];
  expect(last).not.toBe(first);
}
