import {
  type Batch,
  ensure,
  expectedError,
  type ModelFingerprint,
  type Outputs,
  sha256,
  type Teacher,
} from '@kd/core';
import {
  addN,
  div,
  logSoftmax,
  logSumExp,
  mul,
  stack,
  sub,
  type Tensor2D,
  tidy,
} from '@tensorflow/tfjs-core';
import { ask, disposeOutputs } from './ask.ts';

/**
 * Several teachers as one: the mean of their logits. Features are left out, for those of different
 * networks do not add up.
 *
 * The mean of logits is the normalized geometric mean of their distributions; `probabilityEnsemble`
 * is the mean of their probabilities.
 * @throws RangeError where there are none, or where they do not agree about the classes.
 */
export function ensemble(teachers: readonly Teacher[]): Teacher {
  return combined('ensemble', 'ensemble', teachers, (logits) =>
    div<Tensor2D>(addN([...logits]), logits.length),
  );
}

/**
 * Several teachers as one: logits whose softmax at this temperature is the mean of theirs. Features
 * are left out.
 *
 * T · (logSumExp over teachers of logSoftmax(logits / T) − log(teachers)). Distil from it at the
 * same temperature: `softTargets({ temperature })`. The gradient
 * is then that of the mean of one loss a teacher; the value differs by a constant.
 * @param options.temperature T > 0.
 * @throws RangeError where there are none, where they do not agree about the classes, and on a
 * temperature ≤ 0.
 * Source: You, Xu, Xu, Tao, "Learning from multiple teacher networks" (KDD 2017), equation 4.
 */
export function probabilityEnsemble(
  teachers: readonly Teacher[],
  { temperature }: { readonly temperature: number },
): Teacher {
  ensure(
    temperature > 0 && temperature < Infinity,
    'probabilityEnsemble',
    'temperature > 0',
    temperature,
    '4 is usual',
  );
  return combined(
    'probabilityEnsemble',
    `ensemble of probabilities at temperature ${temperature}`,
    teachers,
    (logits) => {
      const softened = logits.map((one) => logSoftmax(div<Tensor2D>(one, temperature)));
      return mul<Tensor2D>(
        sub(logSumExp(stack(softened), 0), Math.log(logits.length)),
        temperature,
      );
    },
  );
}

type Mean = (logits: readonly Tensor2D[]) => Tensor2D;

function combined(caller: string, name: string, teachers: readonly Teacher[], mean: Mean): Teacher {
  ensure(teachers.length > 0, caller, 'at least one teacher', 'none');
  const teacher = (batch: Batch) =>
    tidy(() =>
      meanOf(
        caller,
        teachers.map((teach) => teach(batch)),
        mean,
      ),
    );
  const later = async (batch: Batch) => {
    const all: Outputs[] = [];
    try {
      for (const teach of teachers) all.push(await ask(teach, batch));
      return meanOf(caller, all, mean);
    } finally {
      for (const outputs of all) disposeOutputs(outputs);
    }
  };
  return Object.assign(teacher, { later, identity: () => identityOfAll(caller, name, teachers) });
}

function meanOf(
  caller: string,
  all: readonly Outputs[],
  mean: Mean,
): { logits: Tensor2D; features: Record<string, never> } {
  const classes = all.map(({ logits }) => logits.shape[1]);
  ensure(new Set(classes).size === 1, caller, 'teachers of as many classes', classes);
  return { logits: tidy(() => mean(all.map(({ logits }) => logits))), features: {} };
}

async function identityOfAll(
  caller: string,
  title: string,
  teachers: readonly Teacher[],
): Promise<ModelFingerprint> {
  const all = await Promise.all(
    teachers.map(({ fingerprint: identity }, at) => {
      if (identity === undefined)
        throw expectedError(
          caller,
          `an identity of teacher ${at}`,
          'none',
          'frozen(network) has one',
        );
      return identity();
    }),
  );
  const weights = await sha256(new TextEncoder().encode(all.map((one) => one.weights).join('\n')));
  return {
    name: `${title} of ${all.map(({ name }) => name).join(', ')}`,
    weights,
    preprocessing: all.map(({ preprocessing: preparation }) => preparation).join('; '),
  };
}
