export { cacheFolder } from './cacheFolder.ts';
export { folderStore } from './folderStore.ts';
export { interruptSignal } from './interruptSignal.ts';
export { makeFolder } from './makeFolder.ts';
export { openProgress } from './openProgress.ts';
export { writeWhole } from './writeWhole.ts';
