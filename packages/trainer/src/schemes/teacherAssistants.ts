import type { Network } from '@kd/core';
import { type ChainOptions, chain, type GenerationReport } from './chain.ts';

export interface TeacherAssistantOptions extends ChainOptions {
  /**
   * From the largest assistant down to the student, each trained in place; they still belong to the
   * caller.
   */
  readonly students: readonly Network[];
}

/**
 * Teacher assistants: a teacher much larger than its student teaches an assistant of a size
 * between, which teaches the student. Longer chains go the same way.
 *
 * `for await (const { link, epoch, accuracy } of teacherAssistants({ teacher, students: [assistant,
 * student], objective, batches, … })) …`
 *
 * Each holds its last weights when it begins to teach; with `averageDecay` their averages.
 * @param options.objective `() => combine({ hard: weighted(0.1, crossEntropy()), soft:
 * weighted(0.9, softTargets()) })` is usual.
 * @throws RangeError without students; all else as `train`.
 * Source: Mirzadeh et al., "Improved knowledge distillation via teacher assistant" (AAAI 2020),
 * section 3.
 */
export function teacherAssistants({
  students,
  ...options
}: TeacherAssistantOptions): AsyncGenerator<GenerationReport, void, undefined> {
  return chain('teacherAssistants', options, students.length, (link) => students[link] as Network);
}
