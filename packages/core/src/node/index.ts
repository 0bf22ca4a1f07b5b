/** @module @kd/core/node */
export { importOptional } from './importOptional.ts';
export { createProgress } from './progress.ts';
export { sigintSignal } from './sigintSignal.ts';
export { startThread, threadEnding } from './startThread.ts';
