import type { Network } from '@kd/core';
import { writeFileAtomic } from '@kd/files/node';
import { encodeTorchWeights, type TorchWeightsOptions } from '../weights/encodeTorchWeights.ts';

/**
 * Writes a network's weights as a safetensors file for PyTorch (`encodeTorchWeights`), whole or not
 * at all.
 * @throws RangeError on weights that cannot be saved; Error, with its cause, where the file cannot
 * be written.
 */
export async function saveTorchWeights(
  file: string,
  network: Network,
  options: TorchWeightsOptions = {},
): Promise<void> {
  await writeFileAtomic(file, await encodeTorchWeights(network, options));
}
