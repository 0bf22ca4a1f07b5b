import { expectedError } from '@kd/core';
import { type LogitStandardizationOptions, logitStandardization, softTargets } from '@kd/losses';
import type { JsonObject } from '../file.ts';
import { numberOf } from '../values.ts';
import { dkdOf } from './dkd.ts';
import { termKind } from './kind.ts';

/** `KD with logit standardisation`, `LSKD KD`, `LSKD KD, constant student rows`. */
export const standardisedSoftTargetsKind = termKind({
  matches: ({ loss }) => /^(KD with logit standardi[sz]ation|LSKD KD)($|,)/.test(loss),
  options: ['temperature', 'std', 'epsilon', 'classes'],
  term: (options) =>
    logitStandardization(
      softTargets({ temperature: numberOf(options, 'temperature', 2) }),
      standardisation(options),
    ),
});

/** `DKD with logit standardisation`. */
export const standardisedDkdKind = termKind({
  matches: ({ loss }) => /^(DKD with logit standardi[sz]ation|LSKD DKD)($|,)/.test(loss),
  options: ['alpha', 'beta', 'temperature', 'std', 'epsilon', 'classes'],
  term: (options) => logitStandardization(dkdOf(options), standardisation(options)),
});

function standardisation(options: JsonObject): LogitStandardizationOptions {
  const { std = 'unbiased' } = options;
  if (std !== 'unbiased' && std !== 'biased')
    throw expectedError('golden', 'std unbiased or biased', std);
  return {
    deviation: std === 'unbiased' ? 'sample' : 'population',
    epsilon: numberOf(options, 'epsilon', 1e-7),
  };
}
