/** How to run exported files: code with the settings that matter, for each format. */
import type { ExportedFile, ExportedNetwork } from '../exportRecord.ts';

/** Code with what it is for. */
export interface Snippet {
  readonly title: string;
  readonly remark: string;
  readonly code: string;
}

/** Returns the snippets for the formats that there are; each runs the first file of its format. */
export function exportSnippets(
  files: readonly ExportedFile[],
  network: Pick<ExportedNetwork, 'classNames' | 'preparation'>,
): Snippet[] {
  const first = (format: ExportedFile['format']) => files.find((file) => file.format === format);
  const [onnx, tfjs, litert, weights] = [
    first('onnx'),
    first('tfjs'),
    first('litert'),
    first('safetensors'),
  ];
  return [
    ...(onnx === undefined ? [] : onnxSnippets(onnx, network)),
    ...(tfjs === undefined ? [] : [tfjsSnippet(tfjs)]),
    ...(litert === undefined ? [] : litertSnippets(litert)),
    ...(weights === undefined ? [] : [torchSnippet(weights, network)]),
  ];
}

/** What the values of the input are. */
function describeValues(
  { input }: ExportedFile,
  { preparation }: Pick<ExportedNetwork, 'preparation'>,
): string {
  return input.preparation === 'inside' ? '0 to 1' : `0 to 1, then ${preparation}`;
}

/** Shape of the input for a batch, as code. */
function shape({ input }: ExportedFile, batch: string): string {
  const [height, width, channels] = input.imageShape;
  const axes = input.layout === 'nhwc' ? [height, width, channels] : [channels, height, width];
  return `[${[batch, ...axes].join(', ')}]`;
}

function onnxSnippets(
  file: ExportedFile,
  network: Pick<ExportedNetwork, 'preparation'>,
): Snippet[] {
  const { name, input, output } = file;
  return [
    {
      title: 'ONNX Runtime in Node',
      remark:
        'In a worker thread, since run() holds the thread that calls it. One thread a session: ' +
        'more of them spin for tens of milliseconds after each answer, unless spinning is off. ' +
        'Providers are tried one by one, since a list with one that cannot start is refused whole.',
      code: `// classifier.js, started by new Worker('./classifier.js'); npm install onnxruntime-node
import { parentPort } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const settings = { intraOpNumThreads: 1, extra: { session: { intra_op: { allow_spinning: '0' } } } };

async function open(...providers) {
  for (const provider of providers)
    try {
      const options = { ...settings, executionProviders: [provider] };
      return await InferenceSession.create('${name}', options);
    } catch (error) {
      console.error(\`\${provider}: \${error.message}\`);
    }
}

const session = await open('cuda', 'cpu');
parentPort.on('message', async ({ id, pixels, count }) => {
  // pixels: Float32Array, ${describeValues(file, network)}
  const images = new Tensor('float32', pixels, ${shape(file, 'count')});
  const { ${property(output.name)} } = await session.run({ ${property(input.name, 'images')} });
  parentPort.postMessage({ id, answers: answers.data });
});`,
    },
    {
      title: 'ONNX Runtime in a browser',
      remark:
        'The import that ends in /wasm, also where there is a GPU in the end: the plain one ' +
        'fetches twice as much before the first answer.',
      code: `import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';

env.wasm.numThreads = 1; // more need a page that is cross-origin isolated
const session = await InferenceSession.create('${name}', { executionProviders: ['wasm'] });
const images = new Tensor('float32', pixels, ${shape(file, '1')});
const { ${property(output.name)} } = await session.run({ ${property(input.name, 'images')} });`,
    },
  ];
}

/** A property of an object literal or pattern whose variable is `answers`, or another. */
function property(name: string, variable = 'answers'): string {
  if (name === variable) return variable;
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `${name}: ${variable}` : `'${name}': ${variable}`;
}

function tfjsSnippet(file: ExportedFile): Snippet {
  const isLayers = file.name.startsWith('tfjs-layers');
  const [load, library] = isLayers
    ? ['loadLayersModel', '@tensorflow/tfjs-layers']
    : ['loadGraphModel', '@tensorflow/tfjs-converter'];
  return {
    title: 'TensorFlow.js',
    remark: 'The smallest runtime of all in a browser.',
    code: `import '@tensorflow/tfjs-backend-wasm';
import { ${load} } from '${library}';
import { setBackend, tensor, tidy } from '@tensorflow/tfjs-core';

await setBackend('wasm');
const model = await ${load}('${file.name}model.json');
const answers = tidy(() => model.predict(tensor(pixels, ${shape(file, '1')})));`,
  };
}

function litertSnippets(file: ExportedFile): Snippet[] {
  const { name } = file;
  return [
    {
      title: 'LiteRT in a browser',
      remark:
        'One image at a time. npm install @litertjs/core, whose wasm directory is served too.',
      code: `import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

await loadLiteRt('/node_modules/@litertjs/core/wasm/');
const model = await loadAndCompile('${name}', { accelerator: 'wasm' });
const input = new Tensor(pixels, ${shape(file, '1')});
const [output] = await model.run([input]);
const answers = await output.data();
input.delete();
output.delete();`,
    },
    {
      title: 'LiteRT in Python, and on phones',
      remark: 'pip install ai-edge-litert. On Android the same file goes into CompiledModel.',
      code: `import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(model_path='${name}', num_threads=1)
interpreter.allocate_tensors()
source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
interpreter.set_tensor(source['index'], pixels.reshape(${shape(file, '1').slice(1, -1)}).astype(np.float32))
interpreter.invoke()
answers = interpreter.get_tensor(target['index'])`,
    },
  ];
}

function torchSnippet(
  file: ExportedFile,
  network: Pick<ExportedNetwork, 'classNames' | 'preparation'>,
): Snippet {
  const module = file.name.replace(/\.safetensors$/, '');
  if (file.companions.length === 0)
    return {
      title: 'PyTorch',
      remark: 'The weights have the names of the usual module of this architecture: build that.',
      code: `from safetensors.torch import load_file

network.load_state_dict(load_file('${file.name}'))`,
    };
  return {
    title: 'PyTorch',
    remark: `The module beside it builds the network of ${network.classNames.length} classes. pip install torch safetensors.`,
    code: `import torch
from ${module} import load

network = load('${file.name}')
with torch.inference_mode():
    answers = network(images)  # float32 ${shape(file, 'batch')}, ${describeValues(file, network)}`,
  };
}
