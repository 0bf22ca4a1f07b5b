import { onEveryEngine } from '@kd/testing';
import { test } from 'vitest';
import {
  testFrozen,
  testFuseBatchNorm,
  testFusedInference,
  testGradientStep,
  testMobileGoldens,
  testSplit,
} from './networkSuites.ts';
import { smallNetworks } from './smallNetworks.ts';

// Whole networks on the engines that take long for them: their operations, and these suites on
// other engines, are in the tests by topic.
onEveryEngine((engine) => {
  if (engine === 'cpu') {
    testFusedInference(smallNetworks);
    testFuseBatchNorm(smallNetworks);
    testFrozen(smallNetworks);
    testSplit(smallNetworks);
    testMobileGoldens();
  } else if (engine === 'wasm') testGradientStep();
  else test('on tensorflow: the tests by topic', ({ skip }) => skip());
});
