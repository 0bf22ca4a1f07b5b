import { openLiteRtJs } from './runtimes/litertJs.ts';
import { openOnnxNode, openOnnxWeb } from './runtimes/onnx.ts';
import { openPython } from './runtimes/python.ts';
import type { MissingRuntime, Runtime } from './runtimes/runtime.ts';
import { openTfjs } from './runtimes/tfjs.ts';

/** Formats of files, by the flag that names them. */
export type ExportFormat = 'onnx' | 'tfjs' | 'litert' | 'safetensors';

/** The runtimes of each format; the first that is here checks a file on all images. */
const openers = {
  onnx: { 'onnxruntime-node': openOnnxNode, 'onnxruntime-web': openOnnxWeb },
  tfjs: { 'TensorFlow.js': openTfjs },
  litert: { 'LiteRT.js': openLiteRtJs, 'LiteRT (Python)': () => openPython('litert') },
  safetensors: { PyTorch: () => openPython('torch') },
} as const satisfies Record<ExportFormat, Readonly<Record<string, () => Promise<Runtime>>>>;

/** Opens the runtimes of a format. Those that are not here are returned with the reason. */
export async function openRuntimes(
  format: ExportFormat,
): Promise<{ readonly runtimes: readonly Runtime[]; readonly missing: readonly MissingRuntime[] }> {
  const runtimes: Runtime[] = [];
  const missing: MissingRuntime[] = [];
  for (const [name, open] of Object.entries<() => Promise<Runtime>>(openers[format])) {
    try {
      runtimes.push(await open());
    } catch (error) {
      missing.push({ name, reason: (error as Error).message });
    }
  }
  return { runtimes, missing };
}
