import {
  classWise,
  curriculumTemperature,
  dist,
  dkd,
  logitStandardisation,
  meanSquaredLogits,
  multiLevelLogits,
  nkd,
  pastSelf,
  pskd,
  reversal,
  softTargets,
  tapOf,
  tutorialLoss,
  uskd,
  virtualTeacher,
  wsld,
} from '@kd/losses';
import type { Method } from './method.ts';
import { mapsOf } from './taps.ts';

/** Papers train for 240 epochs and count in epochs; shares of a training hold for shorter ones too. */
const epochs = 240;

/** Methods on logits. One entry adds one. */
export const logitMethods = {
  'soft-targets': { hears: 'logits', temperature: 4, hard: 0.1, weight: 0.9, term: ({ temperature }) => softTargets({ temperature }) },
  /** As printed, wrong mean and all: alpha is its own 0.5. */
  tutorial: { hears: 'logits', temperature: 1, hard: 0, weight: 1, name: 'tutorial', term: ({ temperature }) => tutorialLoss({ temperature }) },
  'mean-squared-logits': { hears: 'logits', clipNorm: 1, hard: 0.1, weight: 0.9, term: () => meanSquaredLogits() },
  dkd: { hears: 'logits', temperature: 4, clipNorm: 1, hard: 1, weight: 1, warmUp: 20 / epochs, term: ({ temperature }) => dkd({ temperature }) },
  nkd: { hears: 'logits', temperature: 1, hard: 1, weight: 1, term: ({ temperature }) => nkd({ temperature }) },
  dist: { hears: 'logits', temperature: 1, hard: 1, weight: 1, term: ({ temperature }) => dist({ temperature }) },
  'standardised-kd': {
    hears: 'logits',
    temperature: 2,
    clipNorm: 1,
    hard: 0.1,
    weight: 9,
    term: ({ temperature }) => logitStandardisation(softTargets({ temperature })),
  },
  'standardised-dkd': {
    hears: 'logits',
    temperature: 2,
    clipNorm: 1,
    hard: 1,
    weight: 1,
    warmUp: 20 / epochs,
    term: ({ temperature }) => logitStandardisation(dkd({ temperature })),
  },
  /** The strong view that MLKD adds is left out: a step shows one view. */
  mlkd: { hears: 'logits', clipNorm: 1, hard: 0.1, weight: 9, term: () => multiLevelLogits() },
  ctkd: { hears: 'logits', hard: 0.1, weight: 0.9, term: () => curriculumTemperature({ reversal: reversal({ over: 10 / epochs }) }) },
  wsld: { hears: 'logits', temperature: 2, clipNorm: 1, hard: 1, weight: 2.5, term: ({ temperature }) => wsld({ temperature }) },
  uskd: {
    hears: 'nothing',
    hard: 0,
    weight: 1,
    name: 'uskd',
    term: (_, { student, classes, seed }) => uskd({ tap: tapOf(student, mapsOf(student).at(-1) ?? ''), classes, seed }),
  },
  'virtual-teacher': { hears: 'nothing', temperature: 20, hard: 0.9, weight: 0.01, term: ({ temperature }) => virtualTeacher({ temperature }) },
  'cs-kd': { hears: 'nothing', temperature: 4, hard: 1, weight: 1, term: ({ temperature }) => classWise({ temperature }) },
  'ps-kd': { hears: 'nothing', hard: 0, weight: 1, name: 'past', term: (_, { pictures, classes }) => pastSelf(pskd(), { pictures, classes }) },
} as const satisfies Record<string, Method>;
