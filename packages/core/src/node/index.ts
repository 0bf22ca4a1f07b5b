export { createProgress } from './createProgress.ts';
export { importOptional } from './importPeer.ts';
export { sigintSignal } from './interruptSignal.ts';
