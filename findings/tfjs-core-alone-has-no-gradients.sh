#!/usr/bin/env bash
# TensorFlow.js 4.22.0: @tensorflow/tfjs-core, loaded in Node by its package entry, computes but cannot differentiate.
# Seen: tf.grad of a ReLU throws "gradient function not found for Relu". Expected: a gradient. The package contains them, but no
# entry of its own registers them; loading @tensorflow/tfjs or @tensorflow/tfjs-layers does.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm init --yes >/dev/null
npm install --ignore-scripts --no-audit --no-fund --silent @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
(async () => {
  await tf.setBackend('cpu');
  const forward = Array.from(await tf.relu(tf.tensor1d([-1, 2])).data());
  let message = 'no error';
  try {
    tf.grad((x) => tf.relu(x))(tf.tensor1d([-1, 2]));
  } catch (error) {
    message = error.message;
  }
  console.log('tfjs-core', tf.version_core, 'node', process.version, 'forward', JSON.stringify(forward), '·', message);
  process.exitCode = forward.join() === '0,2' && message.includes('gradient function not found for Relu') ? 0 : 1;
})();
JS
node run.cjs 2>&1 | grep -v -e '^=*$' -e 'Hi, looks like you are running TensorFlow.js'
exit "${PIPESTATUS[0]}"
