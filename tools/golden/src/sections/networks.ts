import type { Network } from '@kd/core';
import {
  type PreprocessingOptions,
  type ResnetArchitecture,
  type ResnetBlock,
  resnet,
  tutorialCnn,
} from '@kd/models';
import * as tf from '@tensorflow/tfjs-core';
import { difference, toleranceOf } from '../format/compare.ts';
import type { GoldenFile, JsonObject } from '../format/file.ts';
import { valuesOf } from '../format/formula.ts';
import type { Recorder } from '../format/report.ts';
import { numberOf, numbersOf, objectOf, rowsOf } from '../format/values.ts';

/** Preprocessing that leaves the input unchanged. */
const plain: PreprocessingOptions = {
  size: 'asGiven',
  normalize: { mean: [0, 0, 0], std: [1, 1, 1] },
};

/** The implemented models, with weights in the order of PyTorch's state_dict. */
const networks: Readonly<Record<string, (classes: number) => Network>> = {
  seed_student: (classes) => tutorialCnn({ classes, seed: 0, prepare: plain }),
  tiny_resnet_basic: (classes) => tiny('basic', [1, 1, 1, 1], classes),
  tiny_resnet_bottleneck: (classes) => tiny('bottleneck', [1, 2, 1, 1], classes),
  resnet18: () => resnet({ depth: 18, stem: 'imagenet', classes: 1000, seed: 0, prepare: plain }),
  resnet50: () => resnet({ depth: 50, stem: 'imagenet', classes: 1000, seed: 0, prepare: plain }),
};

function tiny(block: ResnetBlock, blocks: ResnetArchitecture['blocks'], classes: number): Network {
  return resnet({
    depth: { block, blocks },
    stem: 'imagenet',
    width: 1 / 8,
    classes,
    seed: 0,
    prepare: plain,
  });
}

/** `resnet`: logits and pooled features of networks with weights from a rule. */
export async function runNetworks(file: GoldenFile, recorder: Recorder): Promise<void> {
  const section = file.resnet;
  if (section === undefined) return;
  for (const name of Object.keys(objectOf(section, 'models'))) {
    const make = Object.hasOwn(networks, name) ? networks[name] : undefined;
    if (make === undefined) recorder.skip('resnet', name);
    else
      await recorder.check('resnet', name, () =>
        forward(section, name, make, toleranceOf(file).value),
      );
  }
}

async function forward(
  section: JsonObject,
  name: string,
  make: (classes: number) => Network,
  relative: number,
): Promise<string[]> {
  const model = objectOf(objectOf(section, 'models'), name);
  const expected = objectOf(model, 'float64');
  const rows = rowsOf(expected, expected.logits === undefined ? 'logitsFirst10' : 'logits');
  const width = rows[0]?.length ?? 0;
  const network = make(width);
  fillByRule(network, numberOf(model, 'seed', numberOf(section, 'seed', 0)));
  const { logits, pooled } = tf.tidy(() => {
    const outputs = network.forward(imagesOf(objectOf(section, 'input')), { training: false });
    return { logits: outputs.logits, pooled: outputs.features.pooled as tf.Tensor };
  });
  const first = tf.slice(logits, [0, 0], [-1, width]);
  const differences = [
    ...difference('logits', await first.data(), rows.flat(), relative),
    ...difference(
      'norm of the logits',
      [Math.hypot(...(await logits.data()))],
      [numberOf(expected, 'logitsNorm')],
      relative,
    ),
    ...difference(
      'norm of the pooled features',
      [Math.hypot(...(await pooled.data()))],
      [numberOf(expected, 'pooledNorm')],
      relative,
    ),
  ];
  tf.dispose([first, logits, pooled]);
  network.dispose();
  return differences;
}

function imagesOf(input: JsonObject): tf.Tensor4D {
  const shape = numbersOf(input, 'shapeNCHW');
  const [batch, channels, height, width] = shape as [number, number, number, number];
  if (input.valuesNHWC !== undefined)
    return tf.tensor4d([...numbersOf(input, 'valuesNHWC')], [batch, height, width, channels]);
  const text = String(input.formula).split(/, rounded| rounded|;/)[0] as string;
  return tf.transpose(
    tf.tensor4d(valuesOf(text, shape), [batch, channels, height, width]),
    [0, 2, 3, 1],
  );
}

/**
 * Assigns weights by the rule in the golden file (`resnet.rule`, `resnet.hash`): each number is a
 * hash of its position in PyTorch's tensor (OIHW for convolutions, (out, in) for linear layers), of
 * the tensor's index in the state_dict and of the seed.
 * @param network Its weights are in the order of PyTorch's state_dict, in which a counter of
 * batches follows every running variance.
 */
export function fillByRule(network: Network, seed: number): void {
  const lastNorms = lastNormsOf(Object.keys(network.weights));
  let place = 0;
  for (const [name, weight] of Object.entries(network.weights)) {
    const rule = ruleOf(name, weight.shape, lastNorms);
    tf.tidy(() => weight.assign(weightFor(weight.shape, rule, place, seed)));
    place += name.endsWith('.variance') ? 2 : 1;
  }
}

/** Maps a number in [0, 1) to a weight. */
type Rule = (uniform: number) => number;

function ruleOf(name: string, shape: readonly number[], lastNorms: ReadonlySet<string>): Rule {
  const part = name.slice(name.lastIndexOf('.') + 1);
  if (part === 'variance') return (u) => 0.5 + u;
  if (part === 'scale') return lastNorms.has(name) ? (u) => 0.25 + 0.25 * u : (u) => 0.75 + 0.5 * u;
  const fanIn = shape.slice(0, -1).reduce((product, side) => product * side, 1);
  const bound = shape.length === 1 ? 0.2 : Math.sqrt(6 / fanIn);
  return (u) => bound * (2 * u - 1);
}

/**
 * Returns the scale of the last batch norm of every residual block: `bn3` if there is one, else
 * `bn2`.
 */
function lastNormsOf(names: readonly string[]): ReadonlySet<string> {
  const all = new Set(names);
  return new Set(
    names.filter(
      (name) =>
        /\.bn3\.scale$/.test(name) ||
        (/\.bn2\.scale$/.test(name) && !all.has(name.replace('bn2', 'bn3'))),
    ),
  );
}

function weightFor(shape: readonly number[], rule: Rule, place: number, seed: number): tf.Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  const out = shape.at(-1) as number;
  const values = Float32Array.from({ length: size }, (_, n) => rule(uniformAt(n, place, seed)));
  if (shape.length === 4)
    return tf.transpose(
      tf.tensor(values, [out, shape[2] as number, shape[0] as number, shape[1] as number]),
      [2, 3, 1, 0],
    );
  if (shape.length === 2) return tf.transpose(tf.tensor(values, [out, shape[0] as number]));
  return tf.tensor(values, [...shape]);
}

/** Returns a number in [0, 1): `hash` of the golden file. */
function uniformAt(n: number, place: number, seed: number): number {
  let hash =
    (Math.imul(n, 2654435761) + Math.imul(place + 1, 2246822519) + Math.imul(seed, 3266489917)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
