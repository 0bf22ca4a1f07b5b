import * as tf from '@tensorflow/tfjs-core';
import koffi from 'koffi';

/**
 * WebGPU in Node: the packages `webgpu` (Dawn) and `@tensorflow/tfjs-backend-webgpu`, both
 * optional.
 */

/** The part of TensorFlow.js's backend that is used. */
interface WebgpuBackend extends tf.KernelBackend {
  readonly device: { destroy(): void };
  /** `values` are the numbers, if they are on the CPU. */
  readonly tensorMap: {
    get(dataId: object): { readonly values?: tf.BackendValues | null; readonly dtype: tf.DataType };
  };
}

/**
 * Creates WebGPU's globals and imports TensorFlow.js's backend for it. @returns The reason if that
 * is not possible.
 */
export async function prepareWebgpu(): Promise<string | undefined> {
  if (getNavigator().gpu === undefined) {
    const missing = await createGlobals();
    if (missing !== undefined) return missing;
  }
  if (tf.findBackendFactory('webgpu') !== null) return undefined;
  if ((await importOptional('@tensorflow/tfjs-backend-webgpu')) === undefined)
    return notInstalled('@tensorflow/tfjs-backend-webgpu');
  patchBackend();
  return undefined;
}

async function createGlobals(): Promise<string | undefined> {
  const dawn = (await importOptional('webgpu')) as
    | { create(options: string[]): unknown; globals: object }
    | undefined;
  if (dawn === undefined) return notInstalled('webgpu');
  if (process.platform === 'linux' && !canLoad('libvulkan.so.1')) {
    return 'libvulkan.so.1 does not load: install it (libvulkan1) and the Vulkan driver of a GPU';
  }
  Object.assign(globalThis, dawn.globals);
  Object.defineProperty(getNavigator(), 'gpu', { value: dawn.create([]), configurable: true });
  return undefined;
}

/** The global `navigator`, which Node has from version 21 on. */
function getNavigator(): { readonly gpu?: unknown } {
  if (!('navigator' in globalThis))
    Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  return Reflect.get(globalThis, 'navigator') as { readonly gpu?: unknown };
}

/**
 * Patches the backend for Node: Dawn crashes a process that ends during a read, and upstream's
 * synchronous read needs a canvas.
 */
function patchBackend(): void {
  const make = tf.findBackendFactory('webgpu');
  if (make === null) return;
  tf.removeBackend('webgpu');
  tf.registerBackend('webgpu', async () => {
    const backend = (await make()) as WebgpuBackend;
    process.once('exit', () => backend.device.destroy());
    const readSync = backend.readSync.bind(backend);
    backend.readSync = (dataId) => {
      const { values, dtype } = backend.tensorMap.get(dataId);
      if (!values && dtype !== 'string')
        throw new Error(
          'webgpu: expected data() or array(), got dataSync() or arraySync(); a GPU is read with await.',
        );
      return readSync(dataId);
    };
    return backend;
  });
}

/** Whether a library loads: Dawn would print an error on stderr. */
function canLoad(library: string): boolean {
  try {
    koffi.load(library);
    return true;
  } catch {
    return false;
  }
}

function notInstalled(name: string): string {
  return `the package ${name} is not installed`;
}

/** Imports an optional package; undefined if it is not installed. */
async function importOptional(name: string): Promise<unknown> {
  try {
    return await import(/* @vite-ignore */ name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
