import { type MethodName, methodOf, objectiveOf } from '@kd/cli';
import { cifarResnet } from '@kd/models';
import { networkTeacher, sgd } from '@kd/trainer';
import type { StepOptions } from '../protocol.ts';
import { CLASSES, fixedBatch } from './inputs.ts';
import type { Prepared } from './prepare.ts';
import { training } from './training.ts';

/** As many rows as CIFAR-10 has: what memories are made for. */
const LABELS = Array.from({ length: 50_000 }, (_, row) => row % CLASSES);

/**
 * A step of ResNet-20 taught by a ResNet-56 that looks at the batch, by a method with its usual
 * weights; no teacher where the method does without.
 */
export function taughtBy(method: MethodName, { batch, size }: StepOptions): Promise<Prepared> {
  const [plain, teacher] = [
    cifarResnet({ classes: CLASSES, depth: 20, seed: 0 }),
    cifarResnet({ classes: CLASSES, depth: 56, seed: 1 }),
  ];
  const { hears, hard, weight, temperature, student: wrapped } = methodOf(method);
  const distillation = {
    method,
    weights: { labels: hard, method: weight },
    ...(temperature !== undefined && { temperature }),
  };
  const head = { pooling: 'mean', scale: 1 } as const;
  const student = wrapped?.({ student: plain, teacher, head, seed: 0 }) ?? plain;
  const objective = objectiveOf(distillation, {
    student,
    teacher,
    head,
    labels: LABELS,
    classes: CLASSES,
    batchSize: batch,
    seed: 0,
  });
  // The pictures are noise, on which many a method would diverge: the update is computed, and moves
  // nothing.
  const parts = { student, objective, optimizer: sgd({ momentum: 0.9 }), learningRate: 0 };
  return training(
    hears === 'nothing' ? parts : { ...parts, teacher: networkTeacher(teacher) },
    fixedBatch(batch, size),
  );
}
