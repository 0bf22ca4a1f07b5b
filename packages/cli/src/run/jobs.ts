import { deriveSeed } from '@kd/core';
import { stageName, type TrainedRole } from '@kd/report';
import { configureNetwork, type RunConfig, type RunNetwork } from '../experiment/configure.ts';
import { findMethod } from '../experiment/methods.ts';

/** One network to train. */
export interface TrainingJob {
  /** Names its stage and its directory. */
  readonly name: string;
  readonly title: string;
  readonly role: TrainedRole;
  /** Seed of the first weights, and of the order and the views of the images. */
  readonly seed: number;
  readonly training: RunNetwork;
  /** The job whose network teaches it by the run's method; absent: it learns from labels alone. */
  readonly teacher?: TrainingJob;
}

/** The teacher, trained once with the first seed. */
export function teacherJob({ teacher, seeds }: RunConfig): TrainingJob {
  return {
    name: stageName('teacher', 0),
    title: 'teacher',
    role: 'teacher',
    seed: seeds[0] as number,
    training: teacher,
  };
}

/** The student trained alone: the baseline of the distilled one. */
export function baselineJob({ student }: RunConfig, seed: number): TrainingJob {
  return {
    name: stageName('baseline', seed),
    title: 'student alone',
    role: 'baseline',
    seed,
    training: student,
  };
}

/**
 * The distilled student. It starts from the weights of the student alone and sees the same images
 * in the same order, whatever the method.
 */
export function distilledJob(config: RunConfig, seed: number): TrainingJob {
  const teacher =
    generationJobs(config, seed).at(-1) ?? assistantJob(config) ?? firstTeacher(config, seed);
  return {
    name: stageName('distilled', seed),
    title: 'student distilled',
    role: 'distilled',
    seed,
    training: config.student,
    teacher,
  };
}

/** The assistant, trained once like the teacher; undefined where the method has none. */
export function assistantJob(config: RunConfig): TrainingJob | undefined {
  const { assistant } = config.distillation;
  if (assistant === undefined) return undefined;
  const { epochs, size } = config.student;
  return {
    name: 'assistant',
    title: 'assistant',
    role: 'assistant',
    seed: config.seeds[0] as number,
    training: configureNetwork(
      { architecture: assistant, epochs, ...(size !== undefined && { size }) },
      undefined,
      undefined,
    ),
    teacher: teacherJob(config),
  };
}

/** The generations of students before the distilled one, which is the last. */
export function generationJobs(config: RunConfig, seed: number): TrainingJob[] {
  const earlier: TrainingJob[] = [];
  for (let number = 1; number < (config.distillation.generations ?? 1); number++) {
    earlier.push({
      name: `generation-${number}-${seed}`,
      title: `generation ${number}`,
      role: 'generation',
      // Names the random stream: another text gives other numbers.
      seed: deriveSeed(seed, 'generation', number),
      training: config.student,
      teacher: earlier.at(-1) ?? firstTeacher(config, seed),
    });
  }
  return earlier;
}

/** Names the directory with the cached logits of a job's teacher. */
export function logitsStage({ role, name, seed }: TrainingJob): string {
  return role === 'distilled' ? `logits-${seed}` : `logits-${name}`;
}

/**
 * Names the directory with the cached features of a pretrained backbone, for the views of a seed.
 */
export function featuresStage(seed: number): string {
  return `features-${seed}`;
}

/** All jobs whose networks are compared, in the order of their results. */
export function comparedJobs(config: RunConfig): TrainingJob[] {
  return [
    teacherJob(config),
    ...config.seeds.flatMap((seed) => [baselineJob(config, seed), distilledJob(config, seed)]),
  ];
}

/** Born-again students are taught by the student alone, others by the teacher. */
function firstTeacher(config: RunConfig, seed: number): TrainingJob {
  return findMethod(config.distillation.method).strategy === 'generations'
    ? baselineJob(config, seed)
    : teacherJob(config);
}
