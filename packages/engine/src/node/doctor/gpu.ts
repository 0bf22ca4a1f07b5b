import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import koffi, { type LibraryHandle } from 'koffi';
import { findWheelPackage } from '../install/wheelPackages.ts';
import { type Build, frameworkFile } from '../library/libraryFiles.ts';
import { isGlibc } from '../library/processSettings.ts';

/**
 * Detects how the loaded libtensorflow was built. @param directory The directory that it was loaded
 * from.
 */
export function detectBuild(directory: string): Build {
  // tensorflow::IsGoogleCudaEnabled(), which all versions tried so far export.
  const isCuda = koffi
    .load(join(directory, frameworkFile), { lazy: true })
    .func('_ZN10tensorflow19IsGoogleCudaEnabledEv', 'bool', []);
  return isCuda() ? 'CUDA' : 'CPU';
}

/**
 * Explains in one line why TensorFlow computes on its device, which TensorFlow itself tells only in
 * its log. @param device `CPU`, `GPU:0`.
 */
export function explainDevice(directory: string, build: Build, device: string): string {
  if (build === 'CPU') return `libtensorflow is built for CPUs${cudaBuildHint()}`;
  const hidden = process.env.CUDA_VISIBLE_DEVICES;
  if (hidden !== undefined && (hidden === '' || hidden.startsWith('-1')))
    return `CUDA_VISIBLE_DEVICES="${hidden}" hides every GPU`;
  const driver = queryDriver();
  if (device !== 'CPU') return 'gpus' in driver ? driver.gpus.join(', ') : driver.reason;
  const reasons = [
    'reason' in driver ? driver.reason : `there is ${driver.gpus.join(', ')}`,
    ...missingCudaLibraries(directory),
  ];
  const isUnknown = 'gpus' in driver && reasons.length === 1;
  return `no GPU: ${reasons.join('; ')}${isUnknown ? '; with TF_CPP_MIN_LOG_LEVEL=0 TensorFlow logs the reason' : ''}`;
}

function cudaBuildHint(): string {
  const machine = { platform: process.platform, architecture: process.arch, isGlibc: isGlibc() };
  return 'name' in findWheelPackage(machine, 'CUDA')
    ? '; `npx kd-engine install --gpu` installs the CUDA build'
    : '';
}

const driverLibrary = 'libcuda.so.1';
const kernelModule = '/proc/driver/nvidia/version';

/**
 * Queries NVIDIA's driver through the CUDA driver API, as TensorFlow does. @returns The names of
 * its GPUs, or the reason why there are none.
 */
export function queryDriver(): { readonly gpus: readonly string[] } | { readonly reason: string } {
  const missing = explainLoadFailure(driverLibrary);
  if (missing !== undefined) return { reason: `NVIDIA's driver is not installed (${missing})` };
  const driver = koffi.load(driverLibrary, { lazy: true });
  const failed = driver.func('cuInit', 'int', ['uint'])(0);
  if (failed !== 0)
    return { reason: `cuInit: ${cudaErrorText(driver, failed)}${describeKernelModule()}` };
  const gpus = Array.from({ length: countGpus(driver) }, (_, index) => readGpuName(driver, index));
  return gpus.length === 0
    ? { reason: `NVIDIA's driver sees no GPU${describeKernelModule()}` }
    : { gpus };
}

/**
 * Describes the driver's kernel module: a container without access to the GPU has the driver's
 * library only.
 */
function describeKernelModule(): string {
  if (!existsSync(kernelModule))
    return `; there is no ${kernelModule}: its kernel module is not loaded, or a container may not see it`;
  return `; ${readFileSync(kernelModule, 'utf8').split('\n')[0]?.trim()}`;
}

/** Formats an error: `CUDA_ERROR_NO_DEVICE (100): no CUDA-capable device is detected`. */
function cudaErrorText(driver: LibraryHandle, code: number): string {
  const text = (name: string): string => {
    const found: [string | null] = [null];
    driver.func(name, 'int', ['int', koffi.out(koffi.pointer('str'))])(code, found);
    return found[0] ?? 'unknown';
  };
  return `${text('cuGetErrorName')} (${code}): ${text('cuGetErrorString')}`;
}

function countGpus(driver: LibraryHandle): number {
  const count: [number] = [0];
  driver.func('cuDeviceGetCount', 'int', [koffi.out(koffi.pointer('int'))])(count);
  return count[0];
}

function readGpuName(driver: LibraryHandle, index: number): string {
  const bytes = Buffer.alloc(256);
  driver.func('cuDeviceGetName', 'int', ['void *', 'int', 'int'])(bytes, bytes.length, index);
  return bytes.toString('utf8', 0, bytes.indexOf(0));
}

/**
 * The libraries without which TensorFlow's CUDA build uses no GPU: the package of NVIDIA's that has
 * it, and its soname. A library comes after those that it needs.
 */
const cudaLibraries = [
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
 * Tries to load the CUDA libraries. @param libraries The directory of libtensorflow. @returns One
 * line for each library that does not load.
 */
export function missingCudaLibraries(libraries: string): readonly string[] {
  return cudaLibraries.flatMap(
    ([owner, name]) => explainLoadFailure(cudaLibraryPath(libraries, owner, name)) ?? [],
  );
}

/**
 * The file beside TensorFlow's directory, of any version, since older versions of TensorFlow need
 * older ones; else the soname, which the system resolves.
 */
function cudaLibraryPath(libraries: string, owner: string, name: string): string {
  const directory = join(dirname(libraries), 'nvidia', owner, 'lib');
  const stem = name.slice(0, name.indexOf('.so') + 3);
  const file = existsSync(directory)
    ? readdirSync(directory).find((entry) => entry.startsWith(stem))
    : undefined;
  return file === undefined ? name : join(directory, file);
}

const rtldLazy = 1;

/**
 * Loads a shared library as TensorFlow would, and never unloads it.
 * @param path A file, or a name that the system searches for. @returns The system's message if it
 * does not load.
 */
export function explainLoadFailure(path: string): string | undefined {
  const self = koffi.load(null);
  const handle: number = self.func('dlopen', 'size_t', ['str', 'int'])(path, rtldLazy);
  return handle === 0 ? (self.func('dlerror', 'str', [])() ?? `${path} does not load`) : undefined;
}
