import type { Batch, Outputs, Teacher } from '@kd/core';
import { dispose, tidy } from '@tensorflow/tfjs-core';

/**
 * What a teacher says of a batch, without holding up the event loop where it can. The caller owns
 * the tensors: `disposeOutputs`.
 */
export async function ask(teacher: Teacher, batch: Batch): Promise<Outputs> {
  if (teacher.predictAsync !== undefined) return teacher.predictAsync(batch);
  return tidy(() => {
    const { logits, features } = teacher(batch);
    return { logits, features: { ...features } };
  });
}

export function disposeOutputs({ logits, features }: Outputs): void {
  dispose([logits, ...Object.values(features)]);
}
