import { type Engine, startEngine } from '@kd/engine';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import wasmUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import { env } from '@tensorflow/tfjs-core';

/** The engines of a browser. */
export type BrowserEngine = 'wasm' | 'webgpu';

/**
 * Starts an engine: the given one, or the fastest.
 *
 * WebAssembly computes on one thread: several need a page that is isolated from others
 * (`SharedArrayBuffer`), and gain nothing for networks as small as a student.
 * @throws Error that has the reason if none starts.
 */
export async function startBrowserEngine(engine?: BrowserEngine): Promise<Engine> {
  env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  setWasmPaths({
    'tfjs-backend-wasm.wasm': wasmUrl,
    'tfjs-backend-wasm-simd.wasm': wasmUrl,
    'tfjs-backend-wasm-threaded-simd.wasm': wasmUrl,
  });
  if (engine !== 'wasm' && 'gpu' in navigator) await import('@tensorflow/tfjs-backend-webgpu');
  return startEngine({ log: () => {}, ...(engine !== undefined && { engine }) });
}
