import { fingerprint, type Network, type Objective, type Teacher } from '@kd/core';
import { cachedTeacher, mutualLearning, networkTeacher } from '@kd/trainer';
import { methodOf, objectiveOf } from '../methods/index.ts';
import type { Classroom } from '../methods/method.ts';
import { labelsByRow } from '../pictures.ts';
import type { Pupil } from '../record/pupils.ts';
import { type Context, storeOf, trainingBatches } from './context.ts';
import { recordingStage, viewsOf } from './record.ts';
import { headOf, studentOf } from './student.ts';
import { trained } from './trained.ts';

/** What a pupil learns, and from whom. */
export interface Lesson {
  /**
   * The pupil as it trains: with a projector, or together with its peer, where the method has them.
   */
  readonly student: Network;
  readonly objective: Objective;
  /** None where the method does without. */
  readonly teacher: Teacher | undefined;
  /** Frees the pupil, the teacher and what the method has made. */
  end(): void;
}

/**
 * The teacher is replayed from its recording where its logits are enough, and looks at every batch
 * itself where its features are wanted.
 */
export async function lessonFor(context: Context, pupil: Pupil, from: Pupil): Promise<Lesson> {
  const { ledger, pictures } = context;
  const { distillation, optimizer } = ledger.record.config;
  const network = await trained(context, from);
  const { trains, keeps, members } = studentOf(context, pupil, network);
  const classroom: Classroom = {
    student: keeps,
    teacher: network,
    head: headOf(from),
    labels: labelsByRow(pictures.lessons),
    classes: pictures.train.classNames.length,
    batchSize: optimizer.batchSize,
    seed: pupil.seed,
  };
  const objective = objectiveOf(distillation, classroom);
  return {
    student: trains,
    objective:
      members.length > 1
        ? mutualLearning(members, objective, { speaks: 'first' }).objective
        : objective,
    teacher: await teacherFor(context, network, pupil),
    end() {
      keeps.dispose();
      network.dispose();
      for (const weight of Object.values(objective.weights)) weight.dispose();
    },
  };
}

async function teacherFor(
  context: Context,
  network: Network,
  pupil: Pupil,
): Promise<Teacher | undefined> {
  const { hears } = methodOf(context.ledger.record.config.distillation.method);
  switch (hears) {
    case 'logits':
      return recordedTeacher(context, network, pupil);
    case 'features':
      return networkTeacher(network);
    case 'nothing':
      return undefined;
    default:
      return hears satisfies never;
  }
}

/** From what the stage before has recorded. */
async function recordedTeacher(context: Context, network: Network, pupil: Pupil): Promise<Teacher> {
  return cachedTeacher({
    store: storeOf(context, recordingStage(pupil)),
    data: trainingBatches(context, pupil),
    teacher: await fingerprint(network),
    views: viewsOf(context, pupil),
  });
}
