export { cacheFolder } from './cacheFolder.ts';
export { checksumOf, checksumOfFile } from './checksum.ts';
export { type DownloadOptions, download, expectHttp, isDiskError, shownUrl } from './download.ts';
export { fileSource } from './fileSource.ts';
export { folderStore } from './folderStore.ts';
export { interruptSignal } from './interruptSignal.ts';
export { makeFolder } from './makeFolder.ts';
export { openProgress } from './openProgress.ts';
export { writeWhole } from './writeWhole.ts';
