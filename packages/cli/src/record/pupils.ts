import { deriveSeed } from '@kd/core';
import { type Learner, stageName } from '@kd/report';
import { type ResolvedTraining, type RunConfig, resolve } from '../config.ts';
import { methodOf } from '../methods/index.ts';

/** One network in training. */
export interface Pupil {
  /** Of its stage, and of its folder. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly actor: Learner;
  /** Of its first weights, and of the order and the views of its pictures. */
  readonly seed: number;
  readonly choice: ResolvedTraining;
  /** Who taught it by the run's method; absent: it learns from labels. */
  readonly teacher?: Pupil;
}

/** Trained once, with the first seed. */
export function teacherPupil({ teacher, seeds }: RunConfig): Pupil {
  return {
    name: stageName('teacher', 0),
    title: 'teacher',
    actor: 'teacher',
    seed: seeds[0] as number,
    choice: teacher,
  };
}

export function alonePupil({ student }: RunConfig, seed: number): Pupil {
  return {
    name: stageName('alone', seed),
    title: 'student alone',
    actor: 'alone',
    seed,
    choice: student,
  };
}

/**
 * It starts from the weights of the student alone and sees the same pictures, whatever the method.
 */
export function distilledPupil(config: RunConfig, seed: number): Pupil {
  const teacher =
    generationsOf(config, seed).at(-1) ?? assistantOf(config) ?? firstTeacher(config, seed);
  return {
    name: stageName('distilled', seed),
    title: 'student distilled',
    actor: 'distilled',
    seed,
    choice: config.student,
    teacher,
  };
}

/** Trained once, as the teacher is. */
export function assistantOf(config: RunConfig): Pupil | undefined {
  const { assistant } = config.distillation;
  if (assistant === undefined) return undefined;
  const choice = resolve(
    { architecture: assistant, epochs: config.student.epochs },
    undefined,
    undefined,
  );
  return {
    name: 'assistant',
    title: 'assistant',
    actor: 'assistant',
    seed: config.seeds[0] as number,
    choice,
    teacher: teacherPupil(config),
  };
}

/** All students in a row but the last, which is the distilled one. */
export function generationsOf(config: RunConfig, seed: number): Pupil[] {
  const earlier: Pupil[] = [];
  for (let number = 1; number < (config.distillation.generations ?? 1); number++) {
    earlier.push({
      name: `generation-${number}-${seed}`,
      title: `generation ${number}`,
      actor: 'generation',
      seed: deriveSeed(seed, 'generation', number),
      choice: config.student,
      teacher: earlier.at(-1) ?? firstTeacher(config, seed),
    });
  }
  return earlier;
}

/** Born-again students have no bigger teacher. */
function firstTeacher(config: RunConfig, seed: number): Pupil {
  return methodOf(config.distillation.method).company === 'generations'
    ? alonePupil(config, seed)
    : teacherPupil(config);
}
