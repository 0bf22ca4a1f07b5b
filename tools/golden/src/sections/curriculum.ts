import { gradientReversalSchedule } from '@kd/losses';
import { difference } from '../compare.ts';
import type { GoldenFile } from '../file.ts';
import type { Recorder } from '../report.ts';
import { numberOf, numbersOf } from '../values.ts';

/** `ctkdLambda`: what the gradient to a learned temperature is multiplied by, epoch by epoch. */
export async function runCurriculum(
  { ctkdLambda: section }: GoldenFile,
  recorder: Recorder,
): Promise<void> {
  if (section === undefined) return;
  await recorder.check('ctkdLambda', 'CTKD', () => {
    const expected = numbersOf(section, 'valueAtEpoch');
    const loops = numberOf(section, 'loops', 10);
    const epochs = Math.max(expected.length, loops);
    const schedule = gradientReversalSchedule({
      over: loops / epochs,
      from: numberOf(section, 'max', 0),
      to: numberOf(section, 'min', -1),
    });
    const got = expected.map((_, epoch) => schedule(epoch / epochs));
    return difference('lambda', got, expected, 1e-9);
  });
}
