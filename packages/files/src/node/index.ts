export { cacheDirectory } from './cacheDirectory.ts';
export { hashBytes, hashFile } from './checksum.ts';
export { directoryStore } from './directoryStore.ts';
export {
  assertHttpUrl,
  type DownloadOptions,
  download,
  isDiskError,
  redactUrl,
} from './download.ts';
export { ensureDirectory } from './ensureDirectory.ts';
export { type FetchedFile, type FetchOptions, fetchFile } from './fetchedFile.ts';
export { fileByteSource } from './fileByteSource.ts';
export { type NpmOptions, npmTarball } from './npmTarball.ts';
export { findPip, type PipRun, runPip } from './pip.ts';
export { readShardIndex, type ShardIndex } from './shardIndex.ts';
export { writeFileAtomic } from './writeFileAtomic.ts';
