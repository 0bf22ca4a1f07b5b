import { expectedError } from '@kd/core';

/**
 * What weights are called on the hub, the best first: safetensors hold numbers and nothing else.
 */
const usual = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
];
const kinds = [/\.safetensors$/, /\.(bin|pth|pt)$/];

/**
 * Which of a repository's files are its weights: one of the usual names, else the only file of its
 * kind.
 * @param address For messages, and to name the others by. @throws RangeError where there is none,
 * or several.
 */
export function weightFile(files: readonly string[], address: string): string {
  const found = usual.find((name) => files.includes(name));
  if (found !== undefined) return found;
  for (const kind of kinds) {
    const [only, ...others] = files.filter((name) => kind.test(name));
    if (only !== undefined && others.length === 0) return only;
    if (only !== undefined)
      throw expectedError(
        address,
        'one file of weights',
        [only, ...others],
        `name one: ${address}/${only}`,
      );
  }
  throw expectedError(
    address,
    `weights (${usual.join(', ')}) in the repository`,
    files,
    'name the file: …/file',
  );
}
