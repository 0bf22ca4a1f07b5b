export { closeTo } from './closeTo.ts';
export { type EngineUnderTest, onEveryEngine, refusalOf } from './engines.ts';
export { emptyFolders } from './folders.ts';
export { numericalGradient } from './gradients.ts';
export { expectNoNewTensors } from './memory.ts';
export { type EndedProcess, type GroupOptions, runGroup } from './processes.ts';
export { send, serve, type TestServer } from './server.ts';
