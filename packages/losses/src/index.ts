export { combine } from './combine.ts';
export { type CrossEntropyOptions, crossEntropy, crossEntropyPerExample } from './crossEntropy.ts';
export { klDivergencePerExample } from './klDivergence.ts';
export { softTargets, softTargetsPerExample } from './softTargets.ts';
export { type TutorialLossOptions, tutorialLoss, tutorialLossPerExample } from './tutorialLoss.ts';
export { weighted } from './weighted.ts';
