import { ensure, type Network, type Objective, type Store, type Teacher } from '@kd/core';
import type { TrainOptions } from '../options.ts';
import type { EpochReport } from '../reports.ts';
import { networkTeacher } from '../teachers/networkTeacher.ts';
import { train } from '../train.ts';

/** Options of a sequence of trainings in which each student is the teacher of the next. */
export interface GenerationOptions
  extends Omit<TrainOptions, 'student' | 'teacher' | 'objective' | 'store'> {
  /** Teacher of the first student. */
  readonly teacher: Network | Teacher;
  /** Creates the objective of a generation, counted from 0: a loss may have weights of its own. */
  readonly objective: (generation: number) => Objective;
  /**
   * Returns the store for the checkpoints of a generation. With `resume`, completed generations are
   * loaded, and the sequence continues where it stopped.
   */
  readonly store?: ((generation: number) => Store) | undefined;
}

/** Results of one epoch of one student. */
export interface GenerationReport extends EpochReport {
  /** Number of the student, from 0. */
  readonly generation: number;
  /** It has the weights of the last step or their averages, as after `train`. */
  readonly student: Network;
}

/** Options of `bornAgain`. */
export interface BornAgainOptions extends GenerationOptions {
  /** Number of students, each trained by the one before; 3 is usual. */
  readonly generations: number;
  /**
   * Creates the student of a generation, counted from 0, with new weights: use another seed for
   * each. It belongs to the caller.
   */
  readonly student: (generation: number) => Network;
}

/**
 * Born-again networks: a student of its teacher's own architecture is distilled from it, then
 * teaches the next student, and so on.
 *
 *     bornAgain({
 *       teacher,
 *       generations: 3,
 *       student: (generation) => cifarResnet({ depth: 20, classes, seed: generation + 1 }),
 *       objective, data, …
 *     })
 *
 * `ensemble(students.map(networkTeacher))` of all students is the paper's BANE.
 * @param options.objective The paper uses soft targets at temperature 1, with cross entropy
 * (`combine({ hard: crossEntropy(), soft: softTargets({ temperature: 1 }) })`) or alone.
 * @throws RangeError on generations < 1; otherwise as `train`.
 * Source: Furlanello et al., "Born-again neural networks" (ICML 2018), section 3.
 */
export function bornAgain({
  generations,
  student,
  ...options
}: BornAgainOptions): AsyncGenerator<GenerationReport, void, undefined> {
  return trainGenerations('bornAgain', options, generations, student);
}

/** Options of `teacherAssistants`. */
export interface TeacherAssistantOptions extends GenerationOptions {
  /**
   * The assistants from the largest down, then the student, each trained in place; they still
   * belong to the caller.
   */
  readonly students: readonly Network[];
}

/**
 * Teacher assistants: a teacher that is much larger than its student is distilled into an assistant
 * of intermediate size, and the assistant into the student. There may be several assistants.
 *
 *     const options = { teacher, students: [assistant, student], objective, data, … };
 *     for await (const { generation, epoch, accuracy } of teacherAssistants(options)) …
 *
 * An assistant teaches with the weights of its last step, with `ema` with their averages.
 * @param options.objective `() => combine({ hard: weighted(0.1, crossEntropy()), soft:
 * weighted(0.9, softTargets()) })` is usual.
 * @throws RangeError without students; otherwise as `train`.
 * Source: Mirzadeh et al., "Improved knowledge distillation via teacher assistant" (AAAI 2020),
 * section 3.
 */
export function teacherAssistants({
  students,
  ...options
}: TeacherAssistantOptions): AsyncGenerator<GenerationReport, void, undefined> {
  const student = (generation: number) => students[generation] as Network;
  return trainGenerations('teacherAssistants', options, students.length, student);
}

/** @param createStudent Called when the training of a generation begins. */
async function* trainGenerations(
  caller: string,
  { teacher: first, objective, store, ...shared }: GenerationOptions,
  count: number,
  createStudent: (generation: number) => Network,
): AsyncGenerator<GenerationReport, void, undefined> {
  ensure(Number.isInteger(count) && count >= 1, caller, 'at least one student', count);
  let teacher = typeof first === 'function' ? first : networkTeacher(first);
  for (let generation = 0; generation < count; generation++) {
    const student = createStudent(generation);
    const options = {
      ...shared,
      student,
      teacher,
      objective: objective(generation),
      store: store?.(generation),
    };
    for await (const report of train(options)) yield { ...report, generation, student };
    teacher = networkTeacher(student);
  }
}
