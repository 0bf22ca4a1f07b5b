#!/usr/bin/env bash
# The layer DepthwiseConv2D of tfjs-layers 4.22.0 reads dilationRate, writes it into the model's file, sizes its output by it,
# and computes without it.
# Seen: a kernel of 3 x 3 ones with dilationRate 2 and padding 'same' on a picture with one bright pixel answers at the nine
# neighbors of that pixel; tf.depthwiseConv2d with the same dilation answers at every second pixel around it.
# Expected: the layer does what its function does, as Keras's layer of that name, from whose files it is loaded. A Keras model
# with such layers (ASPP, dilated MobileNet) answers otherwise in TF.js, without a word.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm init --yes >/dev/null
npm install --silent --ignore-scripts @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
const { layers } = require('@tensorflow/tfjs-layers');

const picture = tf.reshape(tf.cast(tf.oneHot(tf.tensor1d([24], 'int32'), 49), 'float32'), [1, 7, 7, 1]);
const layer = layers.depthwiseConv2d({
  kernelSize: 3,
  dilationRate: 2,
  padding: 'same',
  depthwiseInitializer: 'ones',
  useBias: false,
});
const bright = (tensor) => [...tensor.dataSync()].flatMap((value, at) => (value > 0 ? [at] : []));
const ofLayer = bright(layer.apply(picture));
const ofFunction = bright(tf.depthwiseConv2d(picture, tf.ones([3, 3, 1, 1]), 1, 'same', 'NHWC', 2));
console.log('tfjs-layers', require('@tensorflow/tfjs-layers').version_layers, 'dilationRate', layer.getConfig().dilationRate);
console.log('the layer answers at   ', ofLayer.join(' '));
console.log('the function answers at', ofFunction.join(' '));
const isSeen = ofLayer.join() === '16,17,18,23,24,25,30,31,32' && ofFunction.join() === '8,10,12,22,24,26,36,38,40';
process.exit(isSeen ? 0 : 1);
JS
node run.cjs 2>&1 | grep -v '^=\+$\|^Hi, looks like\|^$' || true
node run.cjs >/dev/null 2>&1
