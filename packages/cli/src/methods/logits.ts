import {
  csKd,
  ctkd,
  dist,
  dkd,
  featureRef,
  gradientReversalSchedule,
  logitStandardization,
  logitsMse,
  mlkd,
  nkd,
  previousEpochTargets,
  psKd,
  softTargets,
  tutorialLoss,
  uskd,
  virtualTeacher,
  wsld,
} from '@kd/losses';
import type { Method } from './method.ts';
import { mapsOf } from './taps.ts';

/**
 * Papers train on CIFAR-100 for 240 epochs and count in epochs; shares of a training hold for
 * shorter ones too. Where authors have weights for CIFAR, these are taken.
 */
const epochs = 240;

/** Methods on logits. One entry adds one. */
export const logitMethods = {
  'soft-targets': {
    hears: 'logits',
    temperature: 4,
    hard: 0.1,
    weight: 0.9,
    term: ({ temperature }) => softTargets({ temperature }),
  },
  /** As printed, wrong mean and all: alpha is its own 0.5. */
  tutorial: {
    hears: 'logits',
    temperature: 1,
    hard: 0,
    weight: 1,
    name: 'tutorial',
    term: ({ temperature }) => tutorialLoss({ temperature }),
  },
  'mean-squared-logits': {
    hears: 'logits',
    clipNorm: 1,
    hard: 0.1,
    weight: 0.9,
    term: () => logitsMse(),
  },
  dkd: {
    hears: 'logits',
    temperature: 4,
    clipNorm: 1,
    hard: 1,
    weight: 1,
    linearWarmup: 20 / epochs,
    term: ({ temperature }) => dkd({ temperature }),
  },
  nkd: {
    hears: 'logits',
    temperature: 3,
    clipNorm: 1,
    hard: 1,
    weight: 1,
    term: ({ temperature }) => nkd({ gamma: 3.5, temperature }),
  },
  dist: {
    hears: 'logits',
    temperature: 4,
    clipNorm: 1,
    hard: 1,
    weight: 2,
    term: ({ temperature }) => dist({ temperature }),
  },
  'standardized-kd': {
    hears: 'logits',
    temperature: 2,
    clipNorm: 1,
    hard: 0.1,
    weight: 9,
    term: ({ temperature }) => logitStandardization(softTargets({ temperature })),
  },
  'standardized-dkd': {
    hears: 'logits',
    temperature: 2,
    clipNorm: 1,
    hard: 1,
    weight: 9,
    linearWarmup: 20 / epochs,
    term: ({ temperature }) => logitStandardization(dkd({ temperature })),
  },
  /** The strong view that MLKD adds is left out: a step shows one view. */
  mlkd: { hears: 'logits', clipNorm: 1, hard: 0.1, weight: 0.9, term: () => mlkd() },
  ctkd: {
    hears: 'logits',
    hard: 0.1,
    weight: 0.9,
    term: () => ctkd({ reversal: gradientReversalSchedule({ over: 10 / epochs }) }),
  },
  wsld: {
    hears: 'logits',
    temperature: 4,
    clipNorm: 1,
    hard: 1,
    weight: 2.25,
    term: ({ temperature }) => wsld({ temperature }),
  },
  uskd: {
    hears: 'nothing',
    hard: 1,
    weight: 1,
    name: 'uskd',
    term: (_, { student, classes, seed }) =>
      uskd({
        alpha: 0.1,
        beta: 0.1,
        mu: 0.1,
        tap: featureRef(student, mapsOf(student).at(-2) ?? ''),
        classes,
        seed,
      }),
  },
  'virtual-teacher': {
    hears: 'nothing',
    temperature: 20,
    hard: 0.9,
    weight: 0.1,
    term: ({ temperature }) => virtualTeacher({ temperature }),
  },
  'cs-kd': {
    hears: 'nothing',
    temperature: 4,
    hard: 1,
    weight: 1,
    term: ({ temperature }) => csKd({ temperature }),
  },
  'ps-kd': {
    hears: 'nothing',
    hard: 0,
    weight: 1,
    name: 'past',
    term: (_, { labels, classes }) =>
      previousEpochTargets(psKd(), { pictures: labels.length, classes }),
  },
} as const satisfies Record<string, Method>;
