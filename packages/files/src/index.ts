/**
 * {@include ../README.md}
 * @module @kd/files
 */
export { float16Table, toFloat16 } from './formats/float16.ts';
export { isNpy, type NpyArray, type NpyTypes, readNpyHeader } from './formats/npy.ts';
export { readPng } from './formats/png.ts';
export {
  encodeProtobuf,
  type ProtobufField,
  type ProtobufFloat,
  type ProtobufValue,
  protobufFields,
} from './formats/protobuf.ts';
export {
  type DecodedSafetensors,
  decodeSafetensors,
  encodeSafetensors,
  readSafetensorsIndex,
  type SafetensorsArray,
  type SafetensorsDtype,
  type SafetensorsIndex,
  type SafetensorsTensor,
  type TensorLocation,
} from './formats/safetensors.ts';
export { readShardIndex, type ShardIndex } from './formats/shardIndex.ts';
export { toByteStream } from './formats/streams.ts';
export { type ArchiveLimits, readTar, type TarEntry } from './formats/tar.ts';
export { bytesPerElement, toFloat32 } from './formats/toFloat32.ts';
export { type TorchLayout, torchLayout } from './formats/torchLayout.ts';
export {
  encodeTorchWeights,
  findNonFinite,
  joinKey,
  type WeightValues,
} from './formats/torchWeights.ts';
export { type ZipEntry, zipEntries } from './formats/zip.ts';
export { isRecord, nullPrototypeRecord } from './records.ts';
export { type ByteSource, byteSource, concatBytes, readRange } from './source.ts';
export { isSafeRelativePath, memoryStore } from './stores.ts';
