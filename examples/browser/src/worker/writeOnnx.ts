import type { Network } from '@kd/core';
import { exportOnnx } from '@kd/export';
import { networkGraph } from '@kd/models/graph';

/**
 * Writes a network as one ONNX file: images 0–1 [batch, height, width, 3] in, logits out, with its
 * normalization inside and the names of its classes as metadata.
 * @throws RangeError on weights that are not finite.
 */
export function writeOnnx(
  network: Network,
  classNames: readonly string[],
  imageShape: readonly [number, number, number],
): Uint8Array<ArrayBuffer> {
  return exportOnnx(networkGraph(network, { imageShape }), { classNames });
}
