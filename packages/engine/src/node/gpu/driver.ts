/**
 * NVIDIA's driver, asked as TensorFlow asks it (the CUDA driver API).
 */
import { existsSync, readFileSync } from 'node:fs';
import koffi, { type LibraryHandle } from 'koffi';
import { whyNotLoaded } from './sharedLibrary.ts';

const driverLibrary = 'libcuda.so.1';
const kernelModule = '/proc/driver/nvidia/version';

/** Names of the GPUs that the driver has; or why there are none. */
export function askDriver(): { readonly gpus: readonly string[] } | { readonly reason: string } {
  const missing = whyNotLoaded(driverLibrary);
  if (missing !== undefined) return { reason: `NVIDIA's driver is not installed (${missing})` };
  const driver = koffi.load(driverLibrary, { lazy: true });
  const failed = driver.func('cuInit', 'int', ['uint'])(0);
  if (failed !== 0) return { reason: `cuInit: ${errorText(driver, failed)}${kernelState()}` };
  const gpus = Array.from({ length: countOf(driver) }, (_, index) => nameOf(driver, index));
  return gpus.length === 0 ? { reason: `NVIDIA's driver sees no GPU${kernelState()}` } : { gpus };
}

/**
 * The second half of the driver: a library without its kernel module is what a container without
 * access to the GPU has.
 */
function kernelState(): string {
  if (!existsSync(kernelModule))
    return `; there is no ${kernelModule}: its kernel module is not loaded, or a container may not see it`;
  return `; ${readFileSync(kernelModule, 'utf8').split('\n')[0]?.trim()}`;
}

/** `CUDA_ERROR_NO_DEVICE (100): no CUDA-capable device is detected`. */
function errorText(driver: LibraryHandle, code: number): string {
  const text = (name: string): string => {
    const found: [string | null] = [null];
    driver.func(name, 'int', ['int', koffi.out(koffi.pointer('str'))])(code, found);
    return found[0] ?? 'unknown';
  };
  return `${text('cuGetErrorName')} (${code}): ${text('cuGetErrorString')}`;
}

function countOf(driver: LibraryHandle): number {
  const count: [number] = [0];
  driver.func('cuDeviceGetCount', 'int', [koffi.out(koffi.pointer('int'))])(count);
  return count[0];
}

function nameOf(driver: LibraryHandle, index: number): string {
  const bytes = Buffer.alloc(256);
  driver.func('cuDeviceGetName', 'int', ['void *', 'int', 'int'])(bytes, bytes.length, index);
  return bytes.toString('utf8', 0, bytes.indexOf(0));
}
