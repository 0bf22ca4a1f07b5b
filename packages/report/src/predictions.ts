import type { Role } from './runRecord.ts';

/** The test images and the logits of the compared networks, for the first seed. */
export interface Predictions {
  /** Returns the pixels of a test image, uint8 [height × width × channels]. */
  readonly image: (index: number) => Uint8Array;
  readonly labels: ArrayLike<number>;
  /** [images × classes], before softmax. */
  readonly logits: Readonly<Record<Role, Float32Array>>;
}

/** A test image with the predictions for it. */
export interface Example {
  readonly index: number;
  readonly label: number;
  /** Predicted classes. */
  readonly teacher: number;
  readonly baseline: number;
  readonly distilled: number;
  /** Soft labels of the teacher, [classes]. */
  readonly softLabels: Float64Array;
  /** Probability of the label by the distilled student minus that by the student alone. */
  readonly gain: number;
}

/** Examples of one kind: their number, and the clearest of them. */
export interface ExampleGroup {
  readonly title: string;
  readonly count: number;
  readonly shown: readonly Example[];
}

const shownInGroup = 6;
const shownOfClass = 2;

/**
 * Groups the test images by which networks are right: improvements and regressions alike.
 * @param temperature - Temperature of the soft labels.
 */
export function groupExamples(
  { labels, logits }: Predictions,
  temperature: number,
): ExampleGroup[] {
  const classes = logits.teacher.length / labels.length;
  const examples = Array.from({ length: labels.length }, (_, index): Example => {
    const row = (role: Role) => logits[role].subarray(index * classes, (index + 1) * classes);
    const label = labels[index] as number;
    const probability = (role: Role) => softmax(row(role), 1)[label] as number;
    return {
      index,
      label,
      teacher: argmax(row('teacher')),
      baseline: argmax(row('baseline')),
      distilled: argmax(row('distilled')),
      softLabels: softmax(row('teacher'), temperature),
      gain: probability('distilled') - probability('baseline'),
    };
  });
  return [
    group(
      'Correct only after distillation',
      examples.filter(isOnly('distilled')),
      ({ gain }) => gain,
    ),
    group(
      'Correct only when trained alone',
      examples.filter(isOnly('baseline')),
      ({ gain }) => -gain,
    ),
    group(
      'Teacher correct, with most probability on a second class',
      examples.filter(({ teacher, label }) => teacher === label),
      ({ softLabels }) => secondLargest(softLabels),
    ),
    group(
      'Teacher wrong',
      examples.filter(({ teacher, label }) => teacher !== label),
      ({ softLabels }) => Math.max(...softLabels),
    ),
  ];
}

function isOnly(role: 'baseline' | 'distilled') {
  const other = role === 'baseline' ? 'distilled' : 'baseline';
  return (example: Example) => example[role] === example.label && example[other] !== example.label;
}

/** Takes the examples with the highest scores, no class more than twice. */
function group(
  title: string,
  examples: readonly Example[],
  score: (example: Example) => number,
): ExampleGroup {
  const taken = new Map<number, number>();
  const shown: Example[] = [];
  for (const example of [...examples].sort((left, right) => score(right) - score(left))) {
    const ofClass = taken.get(example.label) ?? 0;
    if (ofClass === shownOfClass) continue;
    taken.set(example.label, ofClass + 1);
    shown.push(example);
    if (shown.length === shownInGroup) break;
  }
  return { title, count: examples.length, shown };
}

/**
 * Computes the probabilities of one image.
 * @param logits - [classes].
 * @param temperature - > 0.
 * @returns [classes], with sum 1.
 */
export function softmax(logits: Float32Array, temperature: number): Float64Array {
  const largest = Math.max(...logits);
  const powers = Float64Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Returns the index of the largest value, the first of equals. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++)
    if ((values[index] as number) > (values[best] as number)) best = index;
  return best;
}

function secondLargest(values: Float64Array): number {
  return Float64Array.from(values).sort().at(-2) ?? 0;
}
