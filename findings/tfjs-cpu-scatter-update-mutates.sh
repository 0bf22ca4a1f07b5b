#!/usr/bin/env bash
# TensorFlow.js 4.22.0, cpu backend: tensorScatterUpdate writes into the tensor it is given.
# Seen: after b = tensorScatterUpdate(a, [[0]], [9]) both a and b start with 9. Expected, and what wasm does: a is unchanged,
# since tensors are immutable. A gradient that needs the former a is then wrong without an error: pass a clone of the data.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm init --yes >/dev/null
npm install --ignore-scripts --no-audit --no-fund --silent @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs');
require('@tensorflow/tfjs-backend-wasm');
(async () => {
  const found = {};
  for (const backend of ['cpu', 'wasm']) {
    await tf.setBackend(backend);
    const a = tf.tensor1d([1, 2, 3]);
    const b = tf.tensorScatterUpdate(a, tf.tensor2d([[0]], [1, 1], 'int32'), tf.tensor1d([9]));
    found[backend] = { a: Array.from(await a.data()), b: Array.from(await b.data()) };
  }
  console.log('tfjs', tf.version.tfjs, 'node', process.version, JSON.stringify(found));
  process.exitCode = found.cpu.a[0] === 9 && found.wasm.a[0] === 1 ? 0 : 1;
})();
JS
node run.cjs 2>&1 | grep -v -e '^=*$' -e 'Hi, looks like you are running TensorFlow.js'
exit "${PIPESTATUS[0]}"
