/**
 * What the thread that runs LiteRT.js does, in JavaScript. LiteRT.js is made for browsers: it loads
 * its WebAssembly with `importScripts` and `fetch`, which are given here, in a thread of their own
 * so that nobody else sees them.
 *
 * Messages in: `{ file }`, then `{ images, batch }` each. Messages out: `{ milliseconds }` when the
 * file is loaded, then `{ values, milliseconds }`; `{ refused }` with the text of an error.
 */
export const litertProgram = `
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { fileURLToPath } = require('node:url');
const { runInThisContext } = require('node:vm');
const { parentPort, workerData: { module, directory } } = require('node:worker_threads');

const pathOf = (url) => (String(url).startsWith('file:') ? fileURLToPath(url) : String(url));
globalThis.self = globalThis;
globalThis.require = createRequire(directory);
globalThis.__filename = directory;
globalThis.__dirname = directory;
globalThis.location = { href: 'file://' + directory };
globalThis.importScripts = (url) =>
  runInThisContext(readFileSync(pathOf(url), 'utf8'), { filename: pathOf(url) });
globalThis.fetch = async (url) =>
  new Response(readFileSync(pathOf(url)), { headers: { 'content-type': 'application/wasm' } });

const loading = import(module).then(async (litert) => {
  await litert.loadLiteRt(directory, { threads: false });
  return litert;
});
const state = {};

async function load({ file }) {
  const { loadAndCompile } = await loading;
  const bytes = new Uint8Array(readFileSync(file));
  const started = performance.now();
  state.model = await loadAndCompile(bytes, { accelerator: 'wasm' });
  return { milliseconds: performance.now() - started };
}

async function run({ images, batch }) {
  const { Tensor } = await loading;
  const [{ shape, dtype }] = state.model.getInputDetails();
  const size = images.length / batch;
  const answers = [];
  let milliseconds = 0;
  for (let at = 0; at < batch; at++) {
    const image = images.subarray(at * size, (at + 1) * size);
    const values = dtype === 'uint8' ? Uint8Array.from(image, (x) => Math.round(255 * x)) : image;
    const tensor = Tensor.fromTypedArray(values, Array.from(shape));
    const started = performance.now();
    const [output] = await state.model.run([tensor]);
    const answer = await output.data();
    milliseconds += performance.now() - started;
    answers.push(Float32Array.from(answer));
    tensor.delete();
    output.delete();
  }
  const values = new Float32Array(answers.reduce((sum, { length }) => sum + length, 0));
  answers.forEach((answer, at) => values.set(answer, at * answer.length));
  return { values, milliseconds };
}

parentPort.on('message', (request) => {
  const answer = 'file' in request ? load(request) : run(request);
  answer.then(
    (message) => parentPort.postMessage(message),
    (error) => parentPort.postMessage({ refused: String(error?.message ?? error) }),
  );
});
`;
