import { type ImagesTensorBackend, writeFractions } from '@kd/core/internal';
import * as tf from '@tensorflow/tfjs-core';

/** What is used of upstream's backend. */
interface WasmBackend extends ImagesTensorBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array };
  readonly dataIdMap: { get(dataId: tf.DataId): { readonly memoryOffset: number } };
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo;
}

/**
 * Lets the wasm backend write images straight into its own memory: no array in between, which would
 * be allocated, copied and collected for every batch.
 * @param backendClass Upstream's BackendWasm.
 */
export function addImagesTensor(backendClass: { readonly prototype: object }): void {
  const prototype = backendClass.prototype as WasmBackend;
  prototype.imagesTensor = function imagesTensor(this: WasmBackend, bytes, shape) {
    const output = this.makeOutput([...shape], 'float32');
    const { memoryOffset } = this.dataIdMap.get(output.dataId);
    writeFractions(bytes, new Float32Array(this.wasm.HEAPU8.buffer, memoryOffset, bytes.length));
    return tf.engine().makeTensorFromTensorInfo(output, this) as tf.Tensor4D;
  };
}
