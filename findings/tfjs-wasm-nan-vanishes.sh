#!/usr/bin/env bash
# TensorFlow.js 4.22.0: some operations turn NaN into a number, so that a diverged network looks healthy.
# Seen on wasm: relu6(NaN) = 0, clipByValue(NaN, 0, 1) = 0, max pool of NaN, 1, 2, 3 = -Infinity; on cpu the same pool = 3.
# Expected: NaN from each, as relu, maximum and max return on both backends. Look for NaN in weights, not in outputs.
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
    const nan = tf.tensor1d([Number.NaN]);
    const results = {
      relu: tf.relu(nan),
      maximum: tf.maximum(nan, 0),
      relu6: tf.relu6(nan),
      clipByValue: tf.clipByValue(nan, 0, 1),
      maxPool: tf.maxPool(tf.tensor4d([Number.NaN, 1, 2, 3], [1, 2, 2, 1]), 2, 2, 'valid'),
    };
    found[backend] = {};
    for (const [name, tensor] of Object.entries(results)) found[backend][name] = String((await tensor.data())[0]);
  }
  console.log('tfjs', tf.version.tfjs, 'node', process.version, JSON.stringify(found));
  const { cpu, wasm } = found;
  const same = Object.values(cpu).join() === 'NaN,NaN,NaN,NaN,3' && Object.values(wasm).join() === 'NaN,NaN,0,0,-Infinity';
  process.exitCode = same ? 0 : 1;
})();
JS
node run.cjs 2>&1 | grep -v -e '^=*$' -e 'Hi, looks like you are running TensorFlow.js'
exit "${PIPESTATUS[0]}"
