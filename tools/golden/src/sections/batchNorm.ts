import { expectedError } from '@kd/core';
import { batchNorm, convolution, type Layer, relu, sequential } from '@kd/models';
import * as tf from '@tensorflow/tfjs-core';
import { difference, toleranceOf } from '../format/compare.ts';
import type { GoldenFile, JsonObject } from '../format/file.ts';
import { valuesOf } from '../format/formula.ts';
import type { Recorder } from '../format/report.ts';
import { numberOf, numbersOf, objectOf, objectsOf, textOf } from '../format/values.ts';
import { optimizerOf } from './optimizers.ts';

/** Our names of the weights → PyTorch's in the file. */
const names = {
  'net.norm.scale': 'gamma',
  'net.norm.offset': 'beta',
  'net.norm.mean': 'runningMean',
  'net.norm.variance': 'runningVar',
} as const;
const kernelName = 'net.conv.kernel';

/**
 * `batchNormTraining`: a convolution, a batch norm and a ReLU, trained for some steps: loss,
 * outputs, gradients, weights and averages after each.
 */
export async function runBatchNorm(file: GoldenFile, recorder: Recorder): Promise<void> {
  const section = file.batchNormTraining;
  if (section === undefined) return;
  await recorder.check('batchNormTraining', '', () => train(section, toleranceOf(file)));
}

async function train(
  section: JsonObject,
  tolerance: { value: number; gradient: number },
): Promise<string[]> {
  const net = createNetwork(textOf(section, 'model'));
  const weight = (name: string): tf.Variable => net.weights[name] as tf.Variable;
  const initial = objectOf(section, 'initial');
  tf.tidy(() => {
    weight(kernelName).assign(
      fromOihw(numbersOf(initial, 'convWeightOIHW'), weight(kernelName).shape),
    );
    for (const [ours, theirs] of Object.entries(names))
      weight(ours).assign(tf.tensor1d([...numbersOf(initial, theirs)]));
  });
  const options = objectOf(section, 'optimizer');
  const factory = optimizerOf('torch.optim.SGD', options);
  if ('missing' in factory) throw expectedError('golden', 'options of SGD', factory.missing);
  const trained = Object.fromEntries(
    Object.entries(net.weights).filter(([, variable]) => variable.trainable),
  );
  const optimizer = factory.make(trained);

  const differences: string[] = [];
  for (const [at, expected] of objectsOf(section, 'steps').entries()) {
    const { output, loss, grads } = tf.tidy(() => forwardAndBack(net, trained, section, at));
    const gradients = objectOf(expected, 'gradients');
    const gradient = async (name: string) => (grads[name] as tf.Tensor).data();
    tf.tidy(() => optimizer.apply(grads, tf.scalar(numberOf(options, 'lr'))));
    const where = `step ${at}`;
    differences.push(
      ...difference(
        `${where} loss`,
        await loss.data(),
        [numberOf(expected, 'loss')],
        tolerance.value,
      ),
      ...difference(
        `${where} output`,
        await output.data(),
        numbersOf(expected, 'outputFirst8NHWC'),
        tolerance.value,
      ),
      ...difference(
        `${where} norm of the kernel's gradient`,
        [Math.hypot(...(await gradient(kernelName)))],
        [numberOf(gradients, 'convWeightNorm')],
        tolerance.gradient,
      ),
      ...difference(
        `${where} gradient to gamma`,
        await gradient('net.norm.scale'),
        numbersOf(gradients, 'gamma'),
        tolerance.gradient,
      ),
      ...difference(
        `${where} gradient to beta`,
        await gradient('net.norm.offset'),
        numbersOf(gradients, 'beta'),
        tolerance.gradient,
      ),
      ...(await weightDifferences(where, weight, objectOf(expected, 'after'), tolerance.value)),
    );
    tf.dispose([output, loss, grads]);
  }
  if (section.evalAfter !== undefined) {
    const expected = objectOf(section, 'evalAfter');
    const output = tf.tidy(() => net.apply(inputAt(section, 0), { training: false }));
    const got = await output.data();
    differences.push(
      ...difference(
        'evaluated output',
        got,
        numbersOf(expected, 'outputFirst8NHWC'),
        tolerance.value,
      ),
    );
    differences.push(
      ...difference(
        'norm of the evaluated output',
        [Math.hypot(...got)],
        [numberOf(expected, 'outputNorm')],
        tolerance.value,
      ),
    );
    output.dispose();
  }
  optimizer.dispose();
  tf.dispose(net.weights as Record<string, tf.Variable>);
  return differences;
}

function forwardAndBack(
  net: Layer,
  trained: Record<string, tf.Variable>,
  section: JsonObject,
  step: number,
) {
  const input = inputAt(section, step);
  const target = mapsOf(textOf(section, 'targetFormula'), {});
  let output: tf.Tensor | undefined;
  const { value, grads } = tf.variableGrads(() => {
    output = tf.keep(net.apply(input, { training: true }));
    return tf.mul(0.5, tf.mean(tf.squaredDifference(output, target))) as tf.Scalar;
  }, Object.values(trained));
  const byName = Object.fromEntries(
    Object.entries(trained).map(([name, variable]) => [name, grads[variable.name] as tf.Tensor]),
  );
  return { output: output as tf.Tensor, loss: value, grads: byName };
}

async function weightDifferences(
  caller: string,
  weight: (name: string) => tf.Variable,
  after: JsonObject,
  relative: number,
): Promise<string[]> {
  const kernel = tf.tidy(() => tf.transpose(weight(kernelName), [3, 2, 0, 1]));
  const differences = difference(
    `${caller} kernel after`,
    await kernel.data(),
    numbersOf(after, 'convWeightOIHW'),
    relative,
  );
  kernel.dispose();
  for (const [ours, theirs] of Object.entries(names)) {
    differences.push(
      ...difference(
        `${caller} ${theirs} after`,
        await weight(ours).data(),
        numbersOf(after, theirs),
        relative,
      ),
    );
  }
  return differences;
}

/**
 * `Conv2d(3,4,3,padding=1,no bias) -> BatchNorm2d(4, momentum=0.1, eps=1e-05) -> ReLU, training
 * mode`.
 */
function createNetwork(model: string): Layer {
  const conv = /Conv2d\((\d+),\s*(\d+),\s*(\d+),\s*padding=(\d+),\s*no bias\)/
    .exec(model)
    ?.slice(1)
    .map(Number);
  const norm = /BatchNorm2d\((\d+),\s*momentum=([\d.e+-]+),\s*eps=([\d.e+-]+)\)\s*->\s*ReLU/
    .exec(model)
    ?.slice(1)
    .map(Number);
  if (conv === undefined || norm === undefined)
    throw expectedError('golden', 'a model Conv2d -> BatchNorm2d -> ReLU', model);
  const [from, to, size, padding] = conv as [number, number, number, number];
  const [channels, momentum, epsilon] = norm as [number, number, number];
  return sequential({
    conv: convolution({ from, to, size, padding }),
    norm: batchNorm({ channels, epsilon, momentum: 1 - momentum }),
    relu: relu(),
  })('net', 0);
}

function inputAt(section: JsonObject, step: number): tf.Tensor {
  return mapsOf(textOf(section, 'inputFormula'), { s: step });
}

/** `0.5+0.5*cos(0.13*n), NCHW shape [4, 4, 5, 5]` as maps in NHWC. */
function mapsOf(text: string, variables: Readonly<Record<string, number>>): tf.Tensor {
  const found = /^(.*?), NCHW shape \[([\d, ]+)\]/.exec(text);
  if (found === null) throw expectedError('golden', 'a formula and its NCHW shape', text);
  const shape = (found[2] as string).split(',').map(Number);
  return tf.transpose(
    tf.tensor(valuesOf(found[1] as string, shape, variables), shape),
    [0, 2, 3, 1],
  );
}

function fromOihw(
  values: readonly number[],
  [height, width, from, to]: readonly number[],
): tf.Tensor {
  return tf.transpose(
    tf.tensor([...values], [to, from, height, width] as [number, number, number, number]),
    [2, 3, 1, 0],
  );
}
