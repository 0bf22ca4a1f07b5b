import type { Network, Objective, Teacher } from '@kd/core';
import { frozen, replayTeacher } from '@kd/trainer';
import { methodOf, objectiveOf } from '../methods/index.ts';
import type { Classroom } from '../methods/method.ts';
import { labelsByRow } from '../pictures.ts';
import { type Context, storeOf, trained, trainingBatches } from './context.ts';
import { recordingStage, recordTeachersViews } from './record.ts';

/** What the distilled student learns, and from whom. */
export interface Lesson {
  readonly objective: Objective;
  /** None where the method does without. */
  readonly teacher: Teacher | undefined;
  /** Frees the teacher and what the method has made. */
  end(): void;
}

/** The teacher is replayed from its recording where its logits are enough, and looks at every batch itself where its features are wanted. */
export async function lessonFor(context: Context, student: Network, seed: number): Promise<Lesson> {
  const { ledger, pictures } = context;
  const { seeds, distillation, optimizer } = ledger.record.config;
  const network = await trained(context, 'teacher', seeds[0] as number);
  const classroom: Classroom = {
    student,
    teacher: network,
    labels: labelsByRow(pictures.lessons),
    classes: pictures.train.classNames.length,
    batchSize: optimizer.batchSize,
    seed,
  };
  const objective = objectiveOf(distillation, classroom);
  return {
    objective,
    teacher: await teacherFor(context, network, seed),
    end() {
      network.dispose();
      for (const weight of Object.values(objective.weights)) weight.dispose();
    },
  };
}

async function teacherFor(context: Context, network: Network, seed: number): Promise<Teacher | undefined> {
  const { hears } = methodOf(context.ledger.record.config.distillation.method);
  switch (hears) {
    case 'logits':
      return recordedTeacher(context, network, seed);
    case 'features':
      return frozen(network);
    case 'nothing':
      return undefined;
    default:
      return hears satisfies never;
  }
}

async function recordedTeacher(context: Context, network: Network, seed: number): Promise<Teacher> {
  const recording = await recordTeachersViews(context, network, seed);
  const { views, student } = context.ledger.record.config;
  return replayTeacher({
    store: storeOf(context, recordingStage(seed)),
    batches: trainingBatches(context, 'distilled', seed),
    teacher: recording.teacher,
    views: Math.min(views.count, student.epochs),
  });
}
