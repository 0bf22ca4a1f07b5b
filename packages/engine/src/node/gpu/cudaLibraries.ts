/**
 * The libraries without which TensorFlow's CUDA build leaves the GPUs alone.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { whyNotLoaded } from './sharedLibrary.ts';

/**
 * Each by the package that brings it, in the order of what needs what; the last part is the name
 * that the system knows it by.
 */
const wanted = [
  ['cuda_runtime', 'libcudart.so.12'],
  ['nvjitlink', 'libnvJitLink.so.12'],
  ['cublas', 'libcublasLt.so.12'],
  ['cublas', 'libcublas.so.12'],
  ['cudnn', 'libcudnn.so.9'],
  ['cufft', 'libcufft.so.11'],
  ['cusparse', 'libcusparse.so.12'],
  ['cusolver', 'libcusolver.so.11'],
] as const satisfies readonly (readonly [string, string])[];

/**
 * @param libraries The folder of libtensorflow. @returns A line for each library that does not
 * load.
 */
export function missingCudaLibraries(libraries: string): readonly string[] {
  return wanted.flatMap(([owner, name]) => whyNotLoaded(pathOf(libraries, owner, name)) ?? []);
}

/**
 * Beside TensorFlow's folder whatever its number, for older versions want an older one; else what
 * the system has.
 */
function pathOf(libraries: string, owner: string, name: string): string {
  const folder = join(dirname(libraries), 'nvidia', owner, 'lib');
  const stem = name.slice(0, name.indexOf('.so') + 3);
  const file = existsSync(folder)
    ? readdirSync(folder).find((entry) => entry.startsWith(stem))
    : undefined;
  return file === undefined ? name : join(folder, file);
}
