import { reduceOnPlateau } from '@kd/core';
import { difference } from '../compare.ts';
import type { GoldenFile, JsonObject } from '../file.ts';
import type { Recorder } from '../report.ts';
import { ratesOf } from '../schedules.ts';
import { numberOf, numbersOf, textOf } from '../values.ts';

/** Both are float64. */
const relative = 1e-9;

/**
 * `schedules`: the learning rate at every step. Where PyTorch goes on after the end of a cosine, it
 * is compared up to the end.
 */
export async function runSchedules(file: GoldenFile, recorder: Recorder): Promise<void> {
  for (const entry of file.schedules ?? []) await runSchedule(entry, recorder);
}

async function runSchedule(entry: JsonObject, recorder: Recorder): Promise<void> {
  const id = textOf(entry, 'id');
  const expected = numbersOf(entry, 'learningRateAtStep');
  const reference =
    String(entry.reference ?? '')
      .split('.')
      .at(-1) ?? '';
  if (/Plateau/.test(reference))
    return recorder.check('schedules', id, () => plateauDifferences(entry, expected));
  const rates = ratesOf(
    textOf(entry, 'description'),
    numberOf(entry, 'baseLearningRate'),
    expected.length - 1,
  );
  if ('missing' in rates) return recorder.skip('schedules', rates.missing);
  await recorder.check('schedules', id, () => {
    const compared = expected.slice(0, (rates.last ?? expected.length) + 1);
    const got = compared.map((_, at) => rates.schedule(at / rates.steps));
    return difference('learning rate', got, compared, relative);
  });
}

/** `mode min, factor 0.5, patience 2, threshold 1e-3 relative`, and the metrics that it saw. */
function plateauDifferences(entry: JsonObject, expected: readonly number[]): string[] {
  const text = textOf(entry, 'description');
  const option = (name: string) => {
    const found = new RegExp(`\\b${name}[ =]([\\d.e+-]+)`).exec(text)?.[1];
    return found === undefined ? {} : { [name]: Number(found) };
  };
  const better = /\bmode[ =]max\b/.test(text) ? 'higher' : 'lower';
  const factorOf = reduceOnPlateau({
    ...option('factor'),
    ...option('patience'),
    ...option('threshold'),
    better,
  });
  const [base, metrics] = [numberOf(entry, 'baseLearningRate'), numbersOf(entry, 'metrics')];
  const got = expected.map((_, at) => base * factorOf(metrics.slice(0, at)));
  return difference('learning rate', got, expected, relative);
}
