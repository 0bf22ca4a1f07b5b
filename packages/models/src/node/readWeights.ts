import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { weightsOf } from '../weights/parseWeights.ts';
import type { Weights } from '../weights/weights.ts';
import { fileSource } from './fileSource.ts';

/**
 * Named tensors of a file: safetensors, or what `torch.save` writes (`.pth`, `.pt`, `.bin`), told apart by the first bytes. Only the names are read now,
 * each tensor when it is asked for.
 * @param source A path or a `file:` URL.
 * @throws RangeError that names the file and what is wrong in it.
 */
export async function readWeights(source: string | URL): Promise<Weights> {
  const file = source instanceof URL ? fileURLToPath(source) : source;
  return weightsOf(fileSource(file, path.basename(file)), path.basename(file));
}
