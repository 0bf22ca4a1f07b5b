import {
  ensure,
  expectedError,
  type FeatureInfo,
  type ForwardOptions,
  foldIn,
  type Network,
  type Outputs,
} from '@kd/core';
import {
  addN,
  clone,
  div,
  type Tensor,
  type Tensor2D,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';

/** How several students speak as one. */
export interface PeerGroupOptions {
  /**
   * Whose logits are those of the cohort, which a validation judges: the `mean` of all (the
   * default), or those of the `first`.
   */
  readonly speaks?: 'mean' | 'first';
}

/**
 * Several networks as one that trains in one step: the mean of their logits or those of the first,
 * what each says as the features `0.logits`, `0.<tap>`,
 * `1.logits` …, and their weights as `0.<name>` … They still belong to the caller, or to whoever
 * disposes of the cohort.
 *
 * `mutualLearning` makes one; a checkpoint of its training is loaded into one:
 * `loadVariables(cohort([a, b]), bytes, 'best')`.
 */
export function peerGroup(
  students: readonly Network[],
  { speaks = 'mean' }: PeerGroupOptions = {},
): Network {
  const names = students.map(({ name = 'network' }) => name);
  return {
    name: `cohort of ${names.join(', ')}`,
    preprocessing: students.map(({ preprocessing: preparation = '' }) => preparation).join('; '),
    weights: numbered<Variable>(students.map(({ weights }) => weights)),
    featureInfo: numbered<FeatureInfo>(students.map(({ featureInfo: taps = {} }) => taps)),
    forward: (images, mode) =>
      tidy(() => {
        const all = students.map((student, at) => student.forward(images, modeOf(mode, at)));
        return together(all, speaks);
      }),
    dispose() {
      for (const student of students) student.dispose();
    },
  };
}

/** What each of them said. */
export function membersOf({ features }: Outputs, count: number): Outputs[] {
  return Array.from({ length: count }, (_, at) => {
    const own = Object.entries(features).filter(([name]) => name.startsWith(`${at}.`));
    const { logits, ...others } = Object.fromEntries(
      own.map(([name, feature]) => [name.slice(`${at}.`.length), feature]),
    );
    return { logits: logits as Tensor2D, features: others };
  });
}

function together(
  all: readonly Outputs[],
  speaks: 'mean' | 'first',
): { logits: Tensor2D; features: Record<string, Tensor> } {
  const classes = all.map(({ logits }) => logits.shape[1]);
  ensure(new Set(classes).size === 1, 'mutualLearning', 'students of as many classes', classes);
  return {
    logits: said(all, speaks),
    features: numbered<Tensor>(all.map(({ logits, features }) => ({ ...features, logits }))),
  };
}

function said(all: readonly Outputs[], speaks: 'mean' | 'first'): Tensor2D {
  switch (speaks) {
    case 'mean':
      return div<Tensor2D>(addN(all.map(({ logits }) => logits)), all.length);
    case 'first':
      return clone((all[0] as Outputs).logits);
    default:
      throw expectedError('peerGroup', "speaks 'mean' or 'first'", speaks satisfies never);
  }
}

/** Each draws numbers of its own. */
function modeOf(mode: ForwardOptions, at: number): ForwardOptions {
  return mode.seed === undefined ? mode : { ...mode, seed: foldIn(mode.seed, `student ${at}`) };
}

function numbered<Value>(
  records: readonly Readonly<Record<string, Value>>[],
): Record<string, Value> {
  return Object.fromEntries(
    records.flatMap((record, at) =>
      Object.entries(record).map(([name, value]) => [`${at}.${name}`, value]),
    ),
  );
}
