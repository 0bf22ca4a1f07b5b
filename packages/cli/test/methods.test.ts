import * as losses from '@kd/losses';
import { explainStartFailure, temporaryDirectories } from '@kd/testing';
import * as trainer from '@kd/trainer';
import { beforeAll, describe, expect, test } from 'vitest';
import { configure } from '../src/experiment/configure.ts';
import { methodNames } from '../src/experiment/formerNames.ts';
import { type MethodName, methods } from '../src/experiment/methods.ts';
import { UsageError } from '../src/experiment/usageError.ts';
import { methodSuite } from './fixtures/methodSuite.ts';
import { experiment } from './fixtures/tinyExperiment.ts';
import { tinyConfig, tinyRun } from './fixtures/tinyRun.ts';

const directory = temporaryDirectories();

// The engine cpu has the same suite in methods.slow.test.ts.
for (const engine of ['wasm', 'tensorflow'] as const)
  describe(`on ${engine}`, async () => {
    const failure = await explainStartFailure(engine);
    if (failure !== undefined && !process.env.KD_REQUIRE_ENGINES?.includes(engine)) {
      test(`${engine} does not start here: ${failure}`, ({ skip }) => skip());
      return;
    }
    beforeAll(async () => expect(await explainStartFailure(engine)).toBeUndefined());
    methodSuite();
  });

describe('the table of methods', () => {
  test('has the names that @kd/losses and @kd/trainer export', () => {
    const variants = ['logitStandardizationDkd'];
    const exported = { ...losses, ...trainer };
    expect(
      Object.keys(methods).filter(
        (name) => !Object.hasOwn(exported, name) && !variants.includes(name),
      ),
    ).toEqual([]);
  });

  test('has what replaces every former name, and no former name', () => {
    for (const [former, name] of Object.entries(methodNames)) {
      expect(methods).toHaveProperty(name);
      expect(methods).not.toHaveProperty(former);
    }
  });
});

describe('a run', () => {
  test.each([
    ['hints', '[3/5] student distilled: hints'],
    ['virtualTeacher', '[3/5] student distilled: virtualTeacher, temperature 20'],
  ] as const)('with %s caches no logits', async (method: MethodName, stage) => {
    const lines: string[] = [];
    const { distillation } = configure(experiment, { method });
    const record = await tinyRun(directory(), {
      seen: (line) => lines.push(line),
      config: { ...tinyConfig, distillation },
    });
    expect(lines).toContain(stage);
    expect(record.caches).toEqual({});
    expect(record.trainings['distilled-3']?.finished).toBe(true);
  });

  test('a temperature for a method that has none is refused', () => {
    const change = () => configure(experiment, { method: 'hints', temperature: 3 });
    expect(change).toThrow(UsageError);
    expect(change).toThrow(
      '--temperature: expected nothing with --method hints, which has none, got 3; leave it out.',
    );
  });
});
