export { type ByteSource, byteSource, subarrayBetween } from './byteSource.ts';
export { float16Table, toFloat16 } from './formats/float16.ts';
export { isNpy, type NpyArray, readNpyHeader } from './formats/npy.ts';
export { readPng } from './formats/png.ts';
export { decodeSafetensors } from './formats/safetensors/decode.ts';
export {
  arrays as safetensorsArrays,
  type DecodedSafetensors,
  nullPrototypeRecord,
  type SafetensorsArray,
  type SafetensorsDtype,
  type SafetensorsTensor,
} from './formats/safetensors/dtypes.ts';
export { encodeSafetensors } from './formats/safetensors/encode.ts';
export {
  readSafetensorsIndex,
  type SafetensorsIndex,
  type TensorLocation,
} from './formats/safetensors/locate.ts';
export { bytesPerElement, toFloat32 } from './formats/safetensors/numbers.ts';
export {
  type ByteReader,
  byteReader,
  decompress,
  limitBytes,
  toByteStream,
} from './formats/streams.ts';
export { readTar, type TarEntry } from './formats/tar.ts';
export { type ZipEntry, zipEntries } from './formats/zip.ts';
export { isSafeRelativePath } from './isInside.ts';
export { memoryStore } from './memoryStore.ts';
