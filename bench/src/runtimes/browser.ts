import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import type { ModelFile, ModelFiles } from './models.ts';

/** What a page measured. */
export interface PageResult {
  /** From the start of loading the runtime to the first answer, with an empty cache. */
  readonly firstMs: number;
  /** Mean time of an answer for one image. */
  readonly ms: number;
  /** Bytes that the page loaded, the model among them. */
  readonly bytes: number;
}

/** Runtimes of the browser: the format they take, and the script that runs a file of it. */
export const pages = {
  'onnxruntime-web, Chromium': {
    format: 'onnx',
    imports: {},
    script: `
      const ort = await import('/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs');
      ort.env.wasm.wasmPaths = '/node_modules/onnxruntime-web/dist/';
      ort.env.wasm.numThreads = 1;
      const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] });
      const [name] = session.inputNames;
      return async (images) => {
        const answer = await session.run({ [name]: new ort.Tensor('float32', images, shape) });
        return Object.values(answer)[0].data;
      };`,
  },
  'LiteRT.js, Chromium': {
    format: 'litert',
    imports: { '@litertjs/wasm-utils': '/node_modules/@litertjs/wasm-utils/dist/index.js' },
    script: `
      const litert = await import('/node_modules/@litertjs/core/dist/index.js');
      await litert.loadLiteRt('/node_modules/@litertjs/core/wasm/', { threads: false });
      const loaded = await litert.loadAndCompile(model, { accelerator: 'wasm' });
      return async (images) => {
        const input = litert.Tensor.fromTypedArray(images, shape);
        const [output] = await loaded.run([input]);
        const answer = await output.data();
        input.delete();
        output.delete();
        return answer;
      };`,
  },
  'TF.js wasm, Chromium': {
    format: 'tfjs',
    imports: {},
    script: `
      const load = (src) => new Promise((resolve, reject) => {
        const script = Object.assign(document.createElement('script'), { src, onload: resolve, onerror: reject });
        document.head.append(script);
      });
      await load('/node_modules/@tensorflow/tfjs-core/dist/tf-core.min.js');
      await load('/node_modules/@tensorflow/tfjs-converter/dist/tf-converter.min.js');
      await load('/node_modules/@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js');
      tf.wasm.setWasmPaths('/node_modules/@tensorflow/tfjs-backend-wasm/dist/');
      tf.wasm.setThreadsCount(1);
      await tf.setBackend('wasm');
      const loaded = await tf.loadGraphModel(model + 'model.json');
      return async (images) => {
        const answer = tf.tidy(() => loaded.predict(tf.tensor4d(images, shape)));
        const values = await answer.data();
        answer.dispose();
        return values;
      };`,
  },
} as const;

const root = fileURLToPath(new URL('../../../', import.meta.url));
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Serves packages and models on loopback, and counts the bytes. */
export interface BenchServer {
  readonly address: string;
  /** Serves a page and starts to count. */
  show(html: string): void;
  bytes(): number;
  close(): Promise<void>;
}

export async function serveModels(directory: string): Promise<BenchServer> {
  const state = { html: '', bytes: 0 };
  const server: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/') {
      response.setHeader('content-type', 'text/html').end(state.html);
      return;
    }
    const base = pathname.startsWith('/node_modules/') ? root : directory;
    const file = path.join(base, path.normalize(decodeURIComponent(pathname)));
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    state.bytes += statSync(file).size;
    response.setHeader('content-type', types[path.extname(file)] ?? 'application/octet-stream');
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    show(html) {
      state.html = html;
      state.bytes = 0;
    },
    bytes: () => state.bytes,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

/** Runs a file in a fresh page. @param seconds Approximate length of the measurement. */
export async function runPage(
  browser: Browser,
  server: BenchServer,
  { imports, script }: (typeof pages)[keyof typeof pages],
  { side }: ModelFiles,
  file: ModelFile,
  seconds: number,
): Promise<PageResult> {
  const name = path.basename(file.path) + (file.format === 'tfjs' ? '/' : '');
  server.show(`<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(server.address);
    const measured = (await page.evaluate(`(async () => {
      const [model, shape] = [${JSON.stringify(`${server.address}${name}`)}, [1, ${side}, ${side}, 3]];
      const images = new Float32Array(${3 * side * side}).fill(0.5);
      const started = performance.now();
      const run = await (async () => {${script}})();
      await run(images);
      const firstMs = performance.now() - started;
      let runs = 0;
      const begun = performance.now();
      while (performance.now() < begun + ${1000 * seconds}) {
        await run(images);
        runs++;
      }
      // A page's clock has steps of 0.1 ms.
      return { firstMs, ms: (performance.now() - begun) / runs };
    })()`)) as { firstMs: number; ms: number };
    return { ...measured, bytes: server.bytes() };
  } finally {
    await context.close();
  }
}
