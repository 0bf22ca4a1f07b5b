export { findChromium, onChromium } from './browsers.ts';
export { type EngineUnderTest, explainStartFailure, onEveryEngine } from './engines.ts';
export { expectClose } from './expectClose.ts';
export { numericalGradient } from './gradients.ts';
export { expectNoNewTensors } from './memory.ts';
export { type EndedProcess, type GroupOptions, runProcessGroup } from './processes.ts';
export { sendBytes, startTestServer, type TestServer } from './server.ts';
export { temporaryDirectories } from './temporaryDirectories.ts';
