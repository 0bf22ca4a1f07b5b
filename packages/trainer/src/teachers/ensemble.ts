import { type Batch, ensure, type Outputs, sha256, type Teacher, type TeacherIdentity, unexpected } from '@kd/core';
import { addN, div, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import { ask, disposeOutputs } from './ask.ts';

/**
 * Several teachers as one: the mean of their logits. Features are left out, for those of different networks do not add up.
 *
 * The mean of logits is the normalised geometric mean of their distributions. The mean of their probabilities (You et al. 2017), or of
 * one loss a teacher, is another method and comes under its own name.
 * @throws RangeError where there are none, or where they do not agree about the classes.
 */
export function ensemble(teachers: readonly Teacher[]): Teacher {
  ensure(teachers.length > 0, 'ensemble', 'at least one teacher', 'none');
  const teacher = (batch: Batch) => tidy(() => meanOf(teachers.map((teach) => teach(batch))));
  const later = async (batch: Batch) => {
    const all: Outputs[] = [];
    try {
      for (const teach of teachers) all.push(await ask(teach, batch));
      return meanOf(all);
    } finally {
      for (const outputs of all) disposeOutputs(outputs);
    }
  };
  return Object.assign(teacher, { later, identity: () => identityOfAll(teachers) });
}

function meanOf(all: readonly Outputs[]): { logits: Tensor2D; features: Record<string, never> } {
  const classes = all.map(({ logits }) => logits.shape[1]);
  ensure(new Set(classes).size === 1, 'ensemble', 'teachers of as many classes', classes);
  return { logits: tidy(() => div<Tensor2D>(addN(all.map(({ logits }) => logits)), all.length)), features: {} };
}

async function identityOfAll(teachers: readonly Teacher[]): Promise<TeacherIdentity> {
  const all = await Promise.all(
    teachers.map(({ identity }, at) => {
      if (identity === undefined) throw unexpected('ensemble', `an identity of teacher ${at}`, 'none', 'frozen(network) has one');
      return identity();
    }),
  );
  const weights = await sha256(new TextEncoder().encode(all.map((one) => one.weights).join('\n')));
  return {
    name: `ensemble of ${all.map(({ name }) => name).join(', ')}`,
    weights,
    preparation: all.map(({ preparation }) => preparation).join('; '),
  };
}
