/**
 * The least that a page with onnxruntime-web does: it loads a student and asks it once. The page is
 * measured against it (firstAnswer.ts).
 */
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';

env.wasm.numThreads = 1;
const session = await InferenceSession.create(new URL('student.onnx', document.baseURI).href);
const images = new Tensor('float32', new Float32Array(32 * 32 * 3), [1, 32, 32, 3]);
const { logits } = await session.run({ [session.inputNames[0] as string]: images });
await logits?.getData();
performance.mark('answered');
