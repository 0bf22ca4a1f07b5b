import type { Optimizer, OptimizerFactory } from '@kd/core';
import { adagrad, adam, adamW, clipByGlobalNorm, ema, nadam, rmsProp, sgd } from '@kd/trainer';
import * as tf from '@tensorflow/tfjs-core';
import { difference, toleranceOf } from '../format/compare.ts';
import type { GoldenFile, Json, JsonObject } from '../format/file.ts';
import type { Recorder } from '../format/report.ts';
import { numberOf, numbersOf, objectOf, objectsOf, rowsOf, textOf } from '../format/values.ts';

/**
 * `optimizers`: the parameters after every step, clipping by the global norm and averaged weights.
 */
export async function runOptimizers(file: GoldenFile, recorder: Recorder): Promise<void> {
  const section = file.optimizers;
  if (section === undefined) return;
  const relative = toleranceOf(file).value;
  for (const trace of objectsOf(section, 'traces')) {
    const id = textOf(trace, 'id');
    const factory = optimizerOf(textOf(trace, 'reference'), objectOf(trace, 'options'));
    if ('missing' in factory) recorder.skip('optimizers', factory.missing);
    else
      await recorder.check('optimizers', id, () =>
        followTrace(section, trace, factory.make, relative),
      );
  }
  const { clipGradNorm, ema } = section;
  if (clipGradNorm !== undefined)
    await recorder.check('optimizers', 'clipGradNorm', () =>
      clipped(section, objectOf(section, 'clipGradNorm'), relative),
    );
  if (ema !== undefined)
    await recorder.check('optimizers', 'ema', () =>
      averaged(section, objectOf(section, 'ema'), relative),
    );
}

async function followTrace(
  section: JsonObject,
  trace: JsonObject,
  make: (weights: Record<string, tf.Variable>) => Optimizer,
  relative: number,
): Promise<string[]> {
  const gradients = rowsOf(section, 'gradients');
  const constant = numberOf(objectOf(trace, 'options'), 'lr');
  const rates =
    trace.learningRates === undefined
      ? gradients.map(() => constant)
      : numbersOf(trace, 'learningRates');
  const weight = tf.tidy(() => tf.variable(tf.tensor1d([...numbersOf(section, 'initial')])));
  const optimizer = make({ weight });
  const differences: string[] = [];
  for (const [at, expected] of rowsOf(trace, 'parametersAfterStep').entries()) {
    tf.tidy(() =>
      optimizer.apply(
        { weight: tf.tensor1d([...(gradients[at] ?? [])]) },
        tf.scalar(rates[at] ?? constant),
      ),
    );
    differences.push(
      ...difference(`parameters after step ${at + 1}`, await weight.data(), expected, relative),
    );
  }
  optimizer.dispose();
  weight.dispose();
  return differences.slice(0, 1);
}

/** `gradients`: "rows 0 and 1 of gradients, as two parameters". */
async function clipped(section: JsonObject, clip: JsonObject, relative: number): Promise<string[]> {
  const rows = rowsOf(section, 'gradients');
  const named = textOf(clip, 'gradients').match(/\d+/g) ?? [];
  const { norm, gradients } = tf.tidy(() => {
    const parts = named.map(
      (row, at) => [`parameter${at}`, tf.tensor1d([...(rows[Number(row)] ?? [])])] as const,
    );
    return clipByGlobalNorm(Object.fromEntries(parts), numberOf(clip, 'maxNorm'));
  });
  const differences = difference(
    'total norm',
    await norm.data(),
    [numberOf(clip, 'totalNorm')],
    relative,
  );
  for (const [at, expected] of rowsOf(clip, 'clipped').entries()) {
    const got = gradients[`parameter${at}`];
    differences.push(
      ...difference(`clipped ${at}`, got === undefined ? [] : await got.data(), expected, relative),
    );
  }
  tf.dispose([norm, gradients]);
  return differences;
}

/** `weightsAtUpdate`: "w_k = initial + 0.3*(k+1)*gradients[k], k = 0..5". */
async function averaged(
  section: JsonObject,
  trace: JsonObject,
  relative: number,
): Promise<string[]> {
  const factor = Number(
    /initial \+ (\S+)\*\(k\+1\)\*gradients\[k\]/.exec(textOf(trace, 'weightsAtUpdate'))?.[1],
  );
  const initial = numbersOf(section, 'initial');
  const gradients = rowsOf(section, 'gradients');
  const weight = tf.tidy(() => tf.variable(tf.tensor1d([...initial])));
  const average = ema({ weight }, { decay: numberOf(trace, 'decay') });
  const differences: string[] = [];
  for (const [at, expected] of rowsOf(trace, 'averageAfterUpdate').entries()) {
    tf.tidy(() =>
      weight.assign(
        tf.tensor1d(
          initial.map(
            (value, place) => value + factor * (at + 1) * (gradients[at]?.[place] ?? Number.NaN),
          ),
        ),
      ),
    );
    average.update();
    const got = await (average.weights.weight as tf.Variable).data();
    differences.push(...difference(`average after update ${at + 1}`, got, expected, relative));
  }
  average.dispose();
  weight.dispose();
  return differences.slice(0, 1);
}

/** PyTorch's name of an option → ours. */
type Names = Readonly<Record<string, string>>;

const decay: Names = { weight_decay: 'weightDecay' };
const adamNames: Names = { ...decay, eps: 'epsilon', amsgrad: 'amsgrad' };

/** PyTorch's optimizers and their options here. `betas` is a pair there and two options here. */
const known: Readonly<
  Record<
    string,
    { readonly make: (options: JsonObject) => OptimizerFactory; readonly names: Names }
  >
> = {
  SGD: {
    make: sgd,
    names: { ...decay, momentum: 'momentum', nesterov: 'nesterov', dampening: 'dampening' },
  },
  Adam: { make: adam, names: adamNames },
  AdamW: { make: adamW, names: adamNames },
  NAdam: { make: nadam, names: { ...decay, eps: 'epsilon', momentum_decay: 'momentumDecay' } },
  Adagrad: { make: adagrad, names: { ...decay, eps: 'epsilon' } },
  RMSprop: {
    make: rmsProp,
    names: { ...decay, alpha: 'alpha', eps: 'epsilon', momentum: 'momentum', centered: 'centered' },
  },
};

/** Returns our optimizer for `torch.optim.SGD` and its options, or the name of what is missing. */
export function optimizerOf(
  reference: string,
  options: JsonObject,
): { readonly make: OptimizerFactory } | { readonly missing: string } {
  const name = /torch\.optim\.(\w+)/.exec(reference)?.[1] ?? reference;
  const optimizer = Object.hasOwn(known, name) ? known[name] : undefined;
  if (optimizer === undefined) return { missing: name };
  const translated: Record<string, Json | undefined> = {};
  for (const [option, value] of Object.entries(options)) {
    const ours = optimizer.names[option];
    if (option === 'lr') continue;
    if (option === 'betas' && /Adam/.test(name) && Array.isArray(value))
      [translated.beta1, translated.beta2] = value;
    else if (ours === undefined) return { missing: `${name} with ${option}` };
    else translated[ours] = value;
  }
  return { make: optimizer.make(translated) };
}
