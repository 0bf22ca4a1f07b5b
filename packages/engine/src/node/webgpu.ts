/**
 * WebGPU in Node: the packages `webgpu` (Dawn) and `@tensorflow/tfjs-backend-webgpu`, both optional.
 */

/** Makes WebGPU's globals and loads TensorFlow.js's backend for it. @returns Why that cannot be, or undefined. */
export async function prepareWebgpu(): Promise<string | undefined> {
  if (navigatorOf().gpu === undefined) {
    const missing = await makeGlobals();
    if (missing !== undefined) return missing;
  }
  return (await load('@tensorflow/tfjs-backend-webgpu')) === undefined ? notInstalled('@tensorflow/tfjs-backend-webgpu') : undefined;
}

async function makeGlobals(): Promise<string | undefined> {
  const dawn = (await load('webgpu')) as { create(options: string[]): unknown; globals: object } | undefined;
  if (dawn === undefined) return notInstalled('webgpu');
  Object.assign(globalThis, dawn.globals);
  Object.defineProperty(navigatorOf(), 'gpu', { value: dawn.create([]), configurable: true });
  return undefined;
}

/** Node has a `navigator` from version 21 on. */
function navigatorOf(): { readonly gpu?: unknown } {
  if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  return Reflect.get(globalThis, 'navigator') as { readonly gpu?: unknown };
}

function notInstalled(name: string): string {
  return `the package ${name} is not installed`;
}

/** An optional package; undefined where it is not installed. */
async function load(name: string): Promise<unknown> {
  try {
    return await import(/* @vite-ignore */ name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
