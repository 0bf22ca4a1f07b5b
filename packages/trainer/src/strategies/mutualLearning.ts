import {
  ensure,
  expectedError,
  type FeatureInfo,
  type ForwardOptions,
  foldIn,
  type LossInputs,
  type Network,
  type Objective,
  type Outputs,
} from '@kd/core';
import {
  addN,
  clone,
  div,
  mul,
  type Scalar,
  type Tensor,
  type Tensor2D,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';

/** Student and objective of a mutual learning, for `train`. */
export interface MutualLearning {
  /** All students as one network; see `peerGroup`. */
  readonly student: Network;
  /** Its terms are `0.<term>`, `1.<term>` …: those of each student. */
  readonly objective: Objective;
}

/**
 * Deep mutual learning: students teach each other from the first step, without a pretrained
 * teacher.
 *
 * Σ_k mean_{l ≠ k} objective(student k, teacher l). With cross entropy and soft targets at
 * temperature 1 that is the paper's CE_k + 1/(K − 1) · Σ_{l ≠ k} KL(p_l ‖ p_k), summed over the
 * students:
 *
 *     const objective = combine({ hard: crossEntropy(), peers: softTargets({ temperature: 1 }) });
 *     train({ ...mutualLearning([a, b], objective), data, optimizer, learningRate, epochs })
 *
 * All students are updated at once, after one forward pass each, as common implementations do
 * (AberHu's zoo); the paper's algorithm 1 updates one after the other. `clipNorm` bounds the norm
 * of all their gradients together. Evaluate each student afterwards by itself: `evaluate(a, data)`.
 * @param students Two or more, of any architectures; they still belong to the caller.
 * @param objective Gets each peer as its teacher. Its own weights are shared by all pairs.
 * @param options.output The logits that a validation evaluates: the `mean` of all students by
 * default, or those of the `first`, whose best epoch is then saved.
 * Source: Zhang, Xiang, Hospedales, Lu, "Deep mutual learning" (CVPR 2018), section 3.
 */
export function mutualLearning(
  students: readonly Network[],
  objective: Objective,
  options: PeerGroupOptions = {},
): MutualLearning {
  ensure(
    students.length >= 2,
    'mutualLearning',
    'two students or more',
    students.length,
    'one has no peers: distill it from a teacher',
  );
  const { weights, schedules, needsIndices = false, needsLabels = [] } = objective;
  const mutual = (step: LossInputs) =>
    tidy(() => {
      const outputs = splitOutputs(step.student, students.length);
      const losses = outputs.map((student, at) => {
        const peers = outputs.filter((_, other) => other !== at);
        return meanOverPeers(objective, step, student, peers);
      });
      const terms = Object.fromEntries(
        losses.flatMap(({ terms }, at) =>
          Object.entries(terms).map(([name, value]) => [`${at}.${name}`, value]),
        ),
      );
      return { total: addN(losses.map(({ total }) => total)) as Scalar, terms };
    });
  return {
    student: peerGroup(students, options),
    objective: Object.assign(mutual, {
      weights,
      schedules,
      needsIndices,
      needsLabels,
      needsTeacher: false,
    }),
  };
}

/** The objective of one student, averaged over its peers. */
function meanOverPeers(
  objective: Objective,
  step: LossInputs,
  student: Outputs,
  peers: readonly Outputs[],
): ReturnType<Objective> {
  const losses = peers.map((teacher) => objective({ ...step, student, teacher }));
  const mean = (values: readonly Scalar[]): Scalar =>
    mul(addN([...values]), 1 / peers.length) as Scalar;
  const names = Object.keys(losses[0]?.terms ?? {});
  const terms = Object.fromEntries(
    names.map((name) => [name, mean(losses.map(({ terms }) => terms[name] as Scalar))]),
  );
  return { total: mean(losses.map(({ total }) => total)), terms };
}

/** Options of `peerGroup`. */
export interface PeerGroupOptions {
  /** Logits of the group: the `mean` of all members (the default), or those of the `first`. */
  readonly output?: 'mean' | 'first';
}

/**
 * Several networks as one that trains in one step. Its features are the outputs of the members,
 * `0.logits`, `0.<feature>`, `1.logits` …, its weights theirs, `0.<name>` … The members belong to
 * the caller; disposing of the group disposes of them.
 *
 * `mutualLearning` creates one. A checkpoint of its training is loaded into one:
 * `loadVariables(peerGroup([a, b]), bytes, 'best')`.
 */
export function peerGroup(
  students: readonly Network[],
  { output = 'mean' }: PeerGroupOptions = {},
): Network {
  const names = students.map(({ name = 'network' }) => name);
  return {
    // The name is part of checkpoints: with another one, they could not be resumed.
    name: `cohort of ${names.join(', ')}`,
    preprocessing: students.map(({ preprocessing = '' }) => preprocessing).join('; '),
    weights: numbered<Variable>(students.map(({ weights }) => weights)),
    featureInfo: numbered<FeatureInfo>(students.map(({ featureInfo = {} }) => featureInfo)),
    forward: (images, options) =>
      tidy(() => {
        const outputs = students.map((student, at) =>
          student.forward(images, memberOptions(options, at)),
        );
        const classes = outputs.map(({ logits }) => logits.shape[1]);
        ensure(
          new Set(classes).size === 1,
          'peerGroup',
          'students with the same number of classes',
          classes,
        );
        return {
          logits: groupLogits(outputs, output),
          features: numbered<Tensor>(
            outputs.map(({ logits, features }) => ({ ...features, logits })),
          ),
        };
      }),
    dispose() {
      for (const student of students) student.dispose();
    },
  };
}

/** The outputs of the members, from the features of the group. */
function splitOutputs({ features }: Outputs, count: number): Outputs[] {
  return Array.from({ length: count }, (_, at) => {
    const own = Object.entries(features).filter(([name]) => name.startsWith(`${at}.`));
    const { logits, ...others } = Object.fromEntries(
      own.map(([name, feature]) => [name.slice(`${at}.`.length), feature]),
    );
    return { logits: logits as Tensor2D, features: others };
  });
}

function groupLogits(outputs: readonly Outputs[], output: 'mean' | 'first'): Tensor2D {
  switch (output) {
    case 'mean':
      return div<Tensor2D>(addN(outputs.map(({ logits }) => logits)), outputs.length);
    case 'first':
      return clone((outputs[0] as Outputs).logits);
    default:
      throw expectedError('peerGroup', "output 'mean' or 'first'", output satisfies never);
  }
}

/** Gives each member its own random numbers. */
function memberOptions(options: ForwardOptions, at: number): ForwardOptions {
  // The text names the random stream: another one gives other numbers.
  const stream = `student ${at}`;
  return options.seed === undefined ? options : { ...options, seed: foldIn(options.seed, stream) };
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
