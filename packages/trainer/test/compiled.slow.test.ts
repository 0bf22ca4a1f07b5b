import { onEveryEngine } from '@kd/testing';
import { test } from 'vitest';
import { expectSteadyTensors } from './helpers/steadyTensors.ts';

onEveryEngine((engine) => {
  // `compiled.test.ts` has it on tensorflow.
  test.skipIf(engine === 'tensorflow')(
    'keeps as many tensors after forty steps as after five',
    () => expectSteadyTensors(10),
  );
});
