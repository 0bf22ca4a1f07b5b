import { ensure, foldIn, type Mode, type Network, type Outputs, type Tap } from '@kd/core';
import { addN, div, type Tensor, type Tensor2D, tidy, type Variable } from '@tensorflow/tfjs-core';

/**
 * Several networks as one that trains in one step: the mean of their logits, what each says as the features `0.logits`, `0.<tap>`, `1.logits` …, and their
 * weights as `0.<name>` … They still belong to the caller, or to whoever disposes of the cohort.
 */
export function cohort(students: readonly Network[]): Network {
  const names = students.map(({ name = 'network' }) => name);
  return {
    name: `cohort of ${names.join(', ')}`,
    preparation: students.map(({ preparation = '' }) => preparation).join('; '),
    weights: numbered<Variable>(students.map(({ weights }) => weights)),
    taps: numbered<Tap>(students.map(({ taps = {} }) => taps)),
    forward: (images, mode) => tidy(() => together(students.map((student, at) => student.forward(images, modeOf(mode, at))))),
    dispose() {
      for (const student of students) student.dispose();
    },
  };
}

/** What each of them said. */
export function membersOf({ features }: Outputs, count: number): Outputs[] {
  return Array.from({ length: count }, (_, at) => {
    const own = Object.entries(features).filter(([name]) => name.startsWith(`${at}.`));
    const { logits, ...others } = Object.fromEntries(own.map(([name, feature]) => [name.slice(`${at}.`.length), feature]));
    return { logits: logits as Tensor2D, features: others };
  });
}

function together(all: readonly Outputs[]): { logits: Tensor2D; features: Record<string, Tensor> } {
  const classes = all.map(({ logits }) => logits.shape[1]);
  ensure(new Set(classes).size === 1, 'mutualLearning', 'students of as many classes', classes);
  return {
    logits: div<Tensor2D>(addN(all.map(({ logits }) => logits)), all.length),
    features: numbered<Tensor>(all.map(({ logits, features }) => ({ ...features, logits }))),
  };
}

/** Each draws numbers of its own. */
function modeOf(mode: Mode, at: number): Mode {
  return mode.seed === undefined ? mode : { ...mode, seed: foldIn(mode.seed, `student ${at}`) };
}

function numbered<Value>(records: readonly Readonly<Record<string, Value>>[]): Record<string, Value> {
  return Object.fromEntries(records.flatMap((record, at) => Object.entries(record).map(([name, value]) => [`${at}.${name}`, value])));
}
