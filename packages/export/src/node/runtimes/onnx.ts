import { readFile } from 'node:fs/promises';
import { ensure } from '@kd/core';
import { importOptional } from '@kd/core/node';
import type { InferenceSession, TensorConstructor } from 'onnxruntime-node';
import {
  arrange,
  inputShape,
  type LoadedModel,
  type ModelInterface,
  type Runtime,
} from './runtime.ts';

/** What both packages of ONNX Runtime export. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(bytes: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: TensorConstructor;
}

/** Opens ONNX Runtime for Node. @throws RangeError where onnxruntime-node is not installed. */
export async function openOnnxNode(): Promise<Runtime> {
  const name = 'onnxruntime-node';
  const { env, InferenceSession, Tensor } = await importOptional(
    'kd export',
    name,
    () => import('onnxruntime-node'),
  );
  const options = { executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1 };
  return {
    name,
    version: env.versions.node ?? 'unknown',
    settings: 'CPU, 1 thread',
    load: (file, model) => loadOnnx({ InferenceSession, Tensor }, options, file, model),
  };
}

/**
 * Opens ONNX Runtime as browsers have it, by WebAssembly.
 * @throws RangeError where onnxruntime-web is not installed.
 */
export async function openOnnxWeb(): Promise<Runtime> {
  const name = 'onnxruntime-web';
  const { env, InferenceSession, Tensor } = await importOptional(
    'kd export',
    name,
    () => import('onnxruntime-web'),
  );
  env.wasm.numThreads = 1;
  const options = { executionProviders: ['wasm'] };
  return {
    name,
    version: env.versions.web ?? 'unknown',
    settings: 'WebAssembly in Node, 1 thread',
    load: (file, model) => loadOnnx({ InferenceSession, Tensor }, options, file, model),
  };
}

async function loadOnnx(
  { InferenceSession, Tensor }: OnnxRuntime,
  options: InferenceSession.SessionOptions,
  file: string,
  model: ModelInterface,
): Promise<LoadedModel> {
  const bytes = await readFile(file);
  const started = performance.now();
  const session = await InferenceSession.create(bytes, { ...options, logSeverityLevel: 3 });
  const loadMilliseconds = performance.now() - started;
  const [input] = session.inputNames;
  const [output] = session.outputNames;
  ensure(input !== undefined && output !== undefined, file, 'an input and an output', 'neither');
  return {
    loadMilliseconds,
    async run(images, batch) {
      const tensor = new Tensor('float32', arrange(images, batch, model), inputShape(batch, model));
      const begun = performance.now();
      const results = await session.run({ [input]: tensor }, [output]);
      const milliseconds = performance.now() - begun;
      const values = results[output]?.data;
      ensure(values instanceof Float32Array, file, `float32 from ${output}`, typeof values);
      return { values: values.slice(), milliseconds };
    },
    close: () => session.release(),
  };
}
