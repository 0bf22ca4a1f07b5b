import { ensure, type LossInputs, type Network, type Objective, type Outputs } from '@kd/core';
import { addN, mul, type Scalar, tidy } from '@tensorflow/tfjs-core';
import { membersOf, type PeerGroupOptions, peerGroup } from './cohort.ts';

/** What `train` takes for a cohort. */
export interface MutualLearning {
  /**
   * All students as one network. Its logits, which a validation judges, are the mean of theirs, or
   * those of the first.
   */
  readonly student: Network;
  /** Terms are `0.<term>`, `1.<term>` …: those of each student. */
  readonly objective: Objective;
}

/**
 * Deep mutual learning: students teach each other from the first step, without a teacher that was
 * there before.
 *
 * Σ_k mean_{l ≠ k} objective(student k, teacher l). With cross entropy and soft targets at
 * temperature 1 that is the paper's
 * CE_k + 1/(K − 1) · Σ_{l ≠ k} KL(p_l ‖ p_k), summed over the students:
 *
 * `train({ ...mutualLearning([a, b], combine({ hard: crossEntropy(), peers: softTargets({
 * temperature: 1 }) })), batches, optimizer, learningRate, epochs })`
 *
 * All move at once, after one forward pass each, as the implementations do (AberHu's zoo); the
 * paper's algorithm 1 moves one after the other. `clipNorm` bounds the norm
 * of all their gradients together. Afterwards each is judged alone by `evaluate(a, validation)`.
 * @param students Two or more, of any architectures; they still belong to the caller.
 * @param objective Reads the peer as its teacher. Weights of its own are shared by all pairs.
 * @param options.speaks `first` judges the first student alone, whose best epoch is then the one
 * that is kept; the `mean` of all by default.
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
  const { weights, schedules, needsIndices = false } = objective;
  const mutual = (step: LossInputs) =>
    tidy(() => {
      const said = membersOf(step.student, students.length);
      const lessons = said.map((own, at) =>
        meanLesson(
          objective,
          step,
          own,
          said.filter((_, other) => other !== at),
        ),
      );
      const terms = Object.fromEntries(
        lessons.flatMap(({ terms }, at) =>
          Object.entries(terms).map(([name, value]) => [`${at}.${name}`, value]),
        ),
      );
      return { total: addN(lessons.map(({ total }) => total)) as Scalar, terms };
    });
  return {
    student: peerGroup(students, options),
    objective: Object.assign(mutual, { weights, schedules, needsIndices, needsTeacher: false }),
  };
}

/** The objective of one student, mean over its peers. */
function meanLesson(
  objective: Objective,
  step: LossInputs,
  own: Outputs,
  peers: readonly Outputs[],
): ReturnType<Objective> {
  const lessons = peers.map((peer) => objective({ ...step, student: own, teacher: peer }));
  const mean = (values: readonly Scalar[]): Scalar =>
    mul(addN([...values]), 1 / peers.length) as Scalar;
  const names = Object.keys(lessons[0]?.terms ?? {});
  const terms = Object.fromEntries(
    names.map((name) => [name, mean(lessons.map(({ terms }) => terms[name] as Scalar))]),
  );
  return { total: mean(lessons.map(({ total }) => total)), terms };
}
