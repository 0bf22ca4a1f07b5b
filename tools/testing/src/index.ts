export { closeTo } from './closeTo.ts';
export { type EngineUnderTest, onEveryEngine } from './engines.ts';
export { numericalGradient } from './gradients.ts';
export { expectNoNewTensors } from './memory.ts';
