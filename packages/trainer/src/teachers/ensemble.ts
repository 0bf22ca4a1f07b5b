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
import { disposeOutputs, predict } from '../evaluate.ts';

/**
 * Several teachers as one teacher: the mean of their logits, without features, since those of
 * different networks do not correspond.
 *
 * The mean of the logits is the normalized geometric mean of the teachers' distributions;
 * `probabilityEnsemble` is the arithmetic mean of their probabilities.
 * @throws RangeError without teachers, or if they differ in the number of classes.
 */
export function ensemble(teachers: readonly Teacher[]): Teacher {
  return combineTeachers('ensemble', 'ensemble', teachers, (logits) =>
    div<Tensor2D>(addN([...logits]), logits.length),
  );
}

/**
 * Several teachers as one teacher: logits whose softmax at a temperature is the mean of theirs,
 * without features.
 *
 * T · (logSumExp over teachers of logSoftmax(logits / T) − log(teachers)). Distil from it at the
 * same temperature: `softTargets({ temperature })`. The gradient is then that of the mean of one
 * loss per teacher; the value differs by a constant.
 * @param options.temperature T > 0.
 * @throws RangeError without teachers, if they differ in the number of classes, and on a
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
  return combineTeachers(
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

type Combine = (logits: readonly Tensor2D[]) => Tensor2D;

/** @param title Beginning of the combined teacher's name. */
function combineTeachers(
  caller: string,
  title: string,
  teachers: readonly Teacher[],
  combine: Combine,
): Teacher {
  ensure(teachers.length > 0, caller, 'at least one teacher', 'none');
  const teacher = (batch: Batch) =>
    tidy(() =>
      combineOutputs(
        caller,
        teachers.map((one) => one(batch)),
        combine,
      ),
    );
  const predictAsync = async (batch: Batch) => {
    const all: Outputs[] = [];
    try {
      for (const one of teachers) all.push(await predict(one, batch));
      return combineOutputs(caller, all, combine);
    } finally {
      for (const outputs of all) disposeOutputs(outputs);
    }
  };
  return Object.assign(teacher, {
    predictAsync,
    fingerprint: () => combineFingerprints(caller, title, teachers),
  });
}

function combineOutputs(
  caller: string,
  all: readonly Outputs[],
  combine: Combine,
): { logits: Tensor2D; features: Record<string, never> } {
  const classes = all.map(({ logits }) => logits.shape[1]);
  ensure(new Set(classes).size === 1, caller, 'teachers with the same number of classes', classes);
  return { logits: tidy(() => combine(all.map(({ logits }) => logits))), features: {} };
}

async function combineFingerprints(
  caller: string,
  title: string,
  teachers: readonly Teacher[],
): Promise<ModelFingerprint> {
  const all = await Promise.all(
    teachers.map(({ fingerprint }, at) => {
      if (fingerprint === undefined)
        throw expectedError(
          caller,
          `a fingerprint of teacher ${at}`,
          'none',
          'networkTeacher(network) has one',
        );
      return fingerprint();
    }),
  );
  const weights = await sha256(new TextEncoder().encode(all.map((one) => one.weights).join('\n')));
  return {
    name: `${title} of ${all.map(({ name }) => name).join(', ')}`,
    weights,
    preprocessing: all.map(({ preprocessing }) => preprocessing).join('; '),
  };
}
