#!/usr/bin/env bash
# TensorFlow.js 4.22.0, wasm backend: the gradient of max pool goes to the wrong element where a window has no positive value.
# Seen: of the window -4, -3, -2, -1 the gradient goes to -4. Expected, and what the cpu backend returns: to the maximum, -1.
# It matters for networks whose pool sees values before a ReLU: they train in a wrong direction without an error.
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
    const window = tf.tensor4d([-4, -3, -2, -1], [1, 2, 2, 1]);
    found[backend] = Array.from(await tf.grad((x) => tf.maxPool(x, 2, 2, 'valid'))(window).data());
  }
  console.log('tfjs', tf.version.tfjs, 'node', process.version, JSON.stringify(found));
  process.exitCode = found.cpu.join() === '0,0,0,1' && found.wasm.join() === '1,0,0,0' ? 0 : 1;
})();
JS
node run.cjs 2>&1 | grep -v -e '^=*$' -e 'Hi, looks like you are running TensorFlow.js'
exit "${PIPESTATUS[0]}"
