import type { Network } from '@kd/core';
import {
  type PreprocessingOptions,
  type ResnetArchitecture,
  type ResnetBlock,
  resnet,
  tutorialCnn,
} from '@kd/models';
import * as tf from '@tensorflow/tfjs-core';
import { difference, toleranceOf } from '../compare.ts';
import type { GoldenFile, JsonObject } from '../file.ts';
import { valuesOf } from '../formula.ts';
import type { Recorder } from '../report.ts';
import { numberOf, numbersOf, objectOf, rowsOf } from '../values.ts';
import { fillByRule } from '../weightRule.ts';

/** Input goes in as it is. */
const plain: PreprocessingOptions = {
  size: 'asGiven',
  normalize: { mean: [0, 0, 0], std: [1, 1, 1] },
};

/** The models that we have, their weights in the order of PyTorch's state_dict. */
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

/** `resnet`: logits and pooled features of networks whose weights come from a rule. */
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
