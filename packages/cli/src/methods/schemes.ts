import { softTargets } from '@kd/losses';
import type { Method } from './method.ts';

/** Ways to teach that are more than a loss: who teaches whom. */
export const schemes = {
  /** Teacher assistant: the teacher teaches a network of a size between, and that the student. */
  takd: {
    hears: 'logits',
    company: 'assistant',
    temperature: 4,
    hard: 0.1,
    weight: 0.9,
    term: ({ temperature }) => softTargets({ temperature }),
  },
  /**
   * Born-again networks: the student alone teaches the first generation. The big teacher is only
   * compared with.
   */
  ban: {
    hears: 'logits',
    company: 'generations',
    temperature: 1,
    hard: 1,
    weight: 1,
    term: ({ temperature }) => softTargets({ temperature }),
  },
  /**
   * Deep mutual learning: the student and a peer of its architecture learn from each other.
   * Unbounded, they agreed on saying nothing (preset smoke).
   */
  dml: {
    hears: 'nothing',
    company: 'peer',
    clipNorm: 1,
    temperature: 1,
    hard: 1,
    weight: 1,
    term: ({ temperature }) => softTargets({ temperature }),
  },
} as const satisfies Record<string, Method>;
