import { onEveryEngine } from '@kd/testing';
import { test } from 'vitest';
import { expectSteadyTensors } from './helpers/steadyTensors.ts';

onEveryEngine((engine) => {
  // `compiled.test.ts` has it on tensorflow.
  if (engine !== 'tensorflow')
    test('keeps as many tensors after tens of steps as after five', () => expectSteadyTensors(10));
});
