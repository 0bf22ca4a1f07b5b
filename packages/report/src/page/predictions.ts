import { argmax, secondOf, softmax } from '../probabilities.ts';
import type { Actor } from '../runRecord.ts';

/** The tested pictures and what each network says of them, for the first seed. */
export interface Answers {
  /** RGB pixels of a tested picture, uint8. @param at 0 ≤ at < labels.length. */
  readonly picture: (at: number) => Uint8Array;
  /** [height, width, channels]. */
  readonly imageShape: readonly [number, number, number];
  readonly labels: ArrayLike<number>;
  readonly classNames: readonly string[];
  /** [pictures × classes], before softmax. */
  readonly logits: Readonly<Record<Actor, Float32Array>>;
}

/** What is said of one picture. */
export interface Case {
  readonly at: number;
  readonly truth: number;
  readonly teacher: number;
  readonly alone: number;
  readonly distilled: number;
  /** [classes], the teacher's, softened. */
  readonly soft: Float64Array;
  /** The students' probabilities of the truth, at temperature 1. */
  readonly aloneTruth: number;
  readonly distilledTruth: number;
}

/** Cases of one kind: how many there are, and the most telling ones. */
export interface Group {
  readonly title: string;
  readonly count: number;
  readonly shown: readonly Case[];
}

const shownEach = 6;

/**
 * Sorts the tested pictures into kinds, gains and losses alike. @param temperature Of the teacher's
 * soft labels.
 */
export function groupsOf({ labels, logits }: Answers, temperature: number): Group[] {
  const cases = Array.from({ length: labels.length }, (_, at): Case => {
    const truth = labels[at] as number;
    const row = (actor: Actor) =>
      logits[actor].subarray(
        (at * logits[actor].length) / labels.length,
        ((at + 1) * logits[actor].length) / labels.length,
      );
    return {
      at,
      truth,
      teacher: argmax(row('teacher')),
      alone: argmax(row('alone')),
      distilled: argmax(row('distilled')),
      soft: softmax(row('teacher'), temperature),
      aloneTruth: softmax(row('alone'), 1)[truth] as number,
      distilledTruth: softmax(row('distilled'), 1)[truth] as number,
    };
  });
  const gain = (item: Case) => item.distilledTruth - item.aloneTruth;
  return [
    group('Right only when distilled', cases.filter(isOnly('distilled')), gain),
    group('Right only when alone', cases.filter(isOnly('alone')), (item) => -gain(item)),
    group(
      'The teacher is right, and says what else it resembles',
      cases.filter(({ teacher, truth }) => teacher === truth),
      ({ soft }) => secondOf(soft),
    ),
    group(
      'The teacher itself is wrong',
      cases.filter(({ teacher, truth }) => teacher !== truth),
      ({ soft }) => Math.max(...soft),
    ),
  ];
}

function isOnly(actor: 'alone' | 'distilled') {
  const other = actor === 'alone' ? 'distilled' : 'alone';
  return (item: Case) => item[actor] === item.truth && item[other] !== item.truth;
}

/** The most telling first, no class more than twice. */
function group(title: string, cases: readonly Case[], telling: (item: Case) => number): Group {
  const seen = new Map<number, number>();
  const shown: Case[] = [];
  for (const item of [...cases].sort((left, right) => telling(right) - telling(left))) {
    const times = seen.get(item.truth) ?? 0;
    if (times === 2) continue;
    seen.set(item.truth, times + 1);
    shown.push(item);
    if (shown.length === shownEach) break;
  }
  return { title, count: cases.length, shown };
}
