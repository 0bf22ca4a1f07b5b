/** @module @kd/files/node */
export { ensureDirectory, writeFileAtomic } from './atomicWrite.ts';
export { cacheDirectory } from './cacheDirectory.ts';
export { hashBytes, hashFile } from './checksum.ts';
export { directoryStore } from './directoryStore.ts';
export { assertHttpUrl, type DownloadOptions, download, redactUrl } from './download.ts';
export { isProcessRunning } from './exists.ts';
export { type FetchOptions, fetchFile } from './fetch/fetchFile.ts';
export { type NpmOptions, npmTarball } from './fetch/npmTarball.ts';
export { findPip, type PipRun, runPip } from './fetch/pip.ts';
export { fileByteSource } from './fileByteSource.ts';
export {
  type DatasetFiles,
  type DatasetFilesOptions,
  fetchDatasetFiles,
} from './huggingFace/fetchDatasetFiles.ts';
export type { FetchedFile } from './huggingFace/fetchFromHub.ts';
export { type Staging, withStaging } from './stagingDirectory.ts';
