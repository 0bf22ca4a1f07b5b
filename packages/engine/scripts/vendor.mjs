/**
 * Bundles two parts of TensorFlow.js that cannot be imported as they are into `vendor/`; why, stands in docs/decisions/engine.md.
 * - `node-kernels.js`: the JavaScript half of @tensorflow/tfjs-node-gpu, without its addon and its installer (which downloads libtensorflow 2.9).
 * - `gradients.js`: the gradients of @tensorflow/tfjs-core, for Node.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const out = join(dirname(fileURLToPath(import.meta.url)), '..', 'vendor');
const nodeGpu = await packageOf('@tensorflow/tfjs-node-gpu');
const core = await packageOf('@tensorflow/tfjs-core');

const licence =
  ' * @license Copyright 2018-2024 Google LLC. Licensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0\n */';
const nodeKernelsBanner = `/**
 * The kernels and the backend class of @tensorflow/tfjs-node-gpu ${nodeGpu.version}, bundled by scripts/vendor.mjs of @kd/engine.
 * Changed: imports go to @tensorflow/tfjs-core, some kernels are mended (the edits there), TensorBoard's protobuf messages are left out.
${licence}`;
const gradientsBanner = `/**
 * The gradients of @tensorflow/tfjs-core ${core.version}, bundled by scripts/vendor.mjs of @kd/engine: importing it registers them.
${licence}`;

/** Modules replaced by a few lines of ours: one copy of tfjs-core is shared with the user; `util` lost these two functions in Node 23. */
const replacements = {
  '@tensorflow/tfjs': `export * from '@tensorflow/tfjs-core';`,
  '@tensorflow/tfjs-core': `export * from '@tensorflow/tfjs-core';`,
  './proto/api_pb': 'export {};',
  os: `export { endianness } from 'node:os';`,
  util: 'export const isNullOrUndefined = (value) => value === null || value === undefined;\nexport const isArray = Array.isArray;',
};

/** Convolutions with channels first: a bias and PReLU's weights of one axis belong to the channels. */
const alongChannels = `var alongChannels = function (x) { return x && x.shape.length === 1 ? (0, tfjs_1.reshape)(x, [-1, 1, 1]) : x; };
            return (0, tfjs_1.tidy)(function () {
                var sum = (0, tfjs_1.conv2d)(x, filter, strides, pad, dataFormat, dilations, dimRoundingMode);
                if (bias != null) sum = (0, tfjs_1.add)(sum, alongChannels(bias));
                return backend.applyActivation(sum, activation, alongChannels(preluActivationWeights), leakyreluAlpha);
            });`;

/**
 * Chained methods (`x.mul(y)`) exist only where the whole of @tensorflow/tfjs is loaded. The others are found by TensorFlow.js's own tests (conformance/):
 * a tensor left behind or disposed of that is the caller's, types that TensorFlow's op refuses or (Round of int32) gets wrong, a list without its axis.
 */
const edits = {
  'Prelu.js': [
    [
      'alpha.mul(x.sub((0, tfjs_1.abs)(x))).mul(0.5)',
      '(0, tfjs_1.mul)((0, tfjs_1.mul)(alpha, (0, tfjs_1.sub)(x, (0, tfjs_1.abs)(x))), 0.5)',
    ],
    ['pos.add(neg)', '(0, tfjs_1.add)(pos, neg)'],
  ],
  'Exp.js': [
    ['        var xTensor = x;\n', ''],
    [
      "        if (x.dtype === 'int32') {\n            xTensor = x.toFloat();\n            x.dispose();\n        }\n",
      '',
    ],
    [
      'return backend.executeSingleInput(tfjs_1.Exp, xTensor);',
      asFloat('backend.executeSingleInput(tfjs_1.Exp, x)'),
    ],
  ],
  'LeakyRelu.js': [
    [
      'return backend.executeSingleOutput(tfjs_1.LeakyRelu, opAttrs, [x]);',
      asFloat('backend.executeSingleOutput(tfjs_1.LeakyRelu, opAttrs, [x])'),
    ],
    ["('T', x.dtype)", "('T', 'float32')"],
  ],
  'Round.js': [
    [
      'executeSingleInput(tfjs_1.Round, x)',
      "executeSingleInput(x.dtype === 'int32' ? tfjs_1.Identity : tfjs_1.Round, x)",
    ],
  ],
  'Step.js': [
    ['(0, tfjs_1.isNaN)(x)', "(0, tfjs_1.isNaN)((0, tfjs_1.cast)(x, 'float32'))"],
    ['(0, tfjs_1.ones)(x.shape)', '(0, tfjs_1.ones)(x.shape, dtype)'],
  ],
  'Diag.js': [
    [
      'return backend.executeSingleInput(tfjs_1.Diag, x);',
      "return x.dtype === 'bool' ? (0, tfjs_1.tidy)(function () { return (0, tfjs_1.cast)(backend.executeSingleInput(tfjs_1.Diag, (0, tfjs_1.cast)(x, 'int32')), 'bool'); }) : backend.executeSingleInput(tfjs_1.Diag, x);",
    ],
  ],
  'ScatterNd.js': [
    ['[indices, updates, shapeTensor]', '[rows, updates, shapeTensor]'],
    [
      'var shapeTensor =',
      'var rows = indices.shape.length > 1 ? indices : (0, tfjs_1.reshape)(indices, [-1, 1]);\n        var shapeTensor =',
    ],
    [
      'shapeTensor.dispose();',
      'shapeTensor.dispose();\n        if (rows !== indices)\n            rows.dispose();',
    ],
  ],
  'ArgMax.js': [['x.toInt()', "(0, tfjs_1.cast)(x, 'int32')"]],
  'ArgMin.js': [['x.toInt()', "(0, tfjs_1.cast)(x, 'int32')"]],
  'FusedConv2D.js': [
    [
      'throw new Error("Node backend FusedConv2D does not support dataFormat:\'" +\n                "".concat(dataFormat, "\'. Please use \'NHWC\'."));',
      alongChannels,
    ],
  ],
  'GatherV2_grad.js': [
    [
      'import { stack }',
      "import { slice } from '../ops/slice';\nimport { split } from '../ops/split';\nimport { stack }",
    ],
    ['x.split(batchSize, 0)', 'split(x, batchSize, 0)'],
    ['indices.slice(i, 1), dy.slice(i, 1)', 'slice(indices, i, 1), slice(dy, i, 1)'],
    ['stacked.reshape(x.shape)', 'reshape(stacked, x.shape)'],
  ],
  'Prod_grad.js': [
    ['permutedX.reshape(newShape)', 'reshape(permutedX, newShape)'],
    ['prodGrad.reshape(permutedX.shape)', 'reshape(prodGrad, permutedX.shape)'],
  ],
};

/** A kernel's `return` for an op of floats, where x may be int32. */
function asFloat(run) {
  return `return (0, tfjs_1.tidy)(function () { x = (0, tfjs_1.cast)(x, 'float32'); return ${run}; });`;
}

const nodeKernels = {
  name: 'node-kernels',
  setup(context) {
    context.onResolve({ filter: /.*/ }, ({ path, namespace }) => {
      if (namespace === 'replaced') return { path, external: true };
      return path in replacements ? { path, namespace: 'replaced' } : undefined;
    });
    context.onLoad({ filter: /.*/, namespace: 'replaced' }, ({ path }) => ({
      contents: replacements[path],
      loader: 'js',
    }));
  },
};

const mended = {
  name: 'mended',
  setup(context) {
    context.onLoad(
      { filter: new RegExp(`(kernels|gradients)[\\\\/](${Object.keys(edits).join('|')})$`) },
      async ({ path }) => {
        let contents = await readFile(path, 'utf8');
        for (const [from, to] of edits[path.split(/[\\/]/).at(-1)]) {
          if (!contents.includes(from))
            throw new Error(
              `vendor: expected "${from}" in ${path}, got another version; look at the edits again.`,
            );
          contents = contents.replace(from, to);
        }
        return { contents, loader: 'js' };
      },
    );
  },
};

await bundle('node-kernels.js', nodeKernelsBanner, [nodeKernels, mended], {
  contents: `import './register_all_kernels.js';\nexport { NodeJSKernelBackend } from './nodejs_kernel_backend.js';`,
  resolveDir: join(nodeGpu.folder, 'dist'),
});

// Node cannot import tfjs-core's own register_all_gradients.js: an ES module in a package that says it is CommonJS. What it uses of tfjs-core is bundled with
// it (as in tfjs-layers' file for Node): engine, registries and environment are global objects, so that there is still one of each.
await bundle('gradients.js', gradientsBanner, [mended], {
  contents: `import './register_all_gradients.js';`,
  resolveDir: join(core.folder, 'dist'),
});

/** Where a package lies, and its version. */
async function packageOf(name) {
  const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return { folder: dirname(file), version: JSON.parse(await readFile(file, 'utf8')).version };
}

/** One ES module, written whole. */
async function bundle(name, banner, plugins, stdin) {
  const { outputFiles } = await build({
    stdin,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    legalComments: 'none',
    minifySyntax: true,
    minifyWhitespace: true,
    banner: { js: banner },
    plugins,
    external: ['node-fetch'],
    write: false,
    logLevel: 'warning',
  });
  await mkdir(out, { recursive: true });
  await writeFile(join(out, `${name}.part`), outputFiles[0].contents);
  await rename(join(out, `${name}.part`), join(out, name));
}
