import { saveWeights } from '@kd/models';
import { loadNetwork } from '../model/classifier.ts';
import type { Manifest } from '../model/manifest.ts';
import { type Lesson, type TeachingProgress, teach } from '../model/teach.ts';
import type { RoleName, TaughtModel } from './protocol.ts';

/**
 * Loads student and teacher with new last layers and teaches them.
 * @param files Safetensors. @param onProgress Called with every point of the curve.
 */
export async function teachFromFiles(
  manifest: Manifest,
  files: Readonly<Record<RoleName, Uint8Array>>,
  lesson: Lesson,
  onProgress: (progress: TeachingProgress) => void,
): Promise<TaughtModel> {
  const { classNames } = lesson;
  const options = { classes: classNames.length, head: 'skip' } as const;
  const student = await loadNetwork(manifest.student, files.student, options);
  const teacher = await loadNetwork(manifest.teacher, files.teacher, options);
  for await (const progress of teach(student, teacher, lesson)) onProgress(progress);
  return {
    classNames,
    student: await saveWeights(student),
    teacher: await saveWeights(teacher),
  };
}
