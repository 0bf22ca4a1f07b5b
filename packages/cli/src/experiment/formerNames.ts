/**
 * Names of earlier versions, by kind, and what replaces each. All are refused with an error that
 * says so.
 */

/** `--method`: each method now has the name that @kd/losses or @kd/trainer exports. */
export const methodNames = {
  'activation-boundaries': 'activationBoundaries',
  'attention-transfer': 'attentionTransfer',
  ban: 'bornAgain',
  'correlation-congruence': 'correlationCongruence',
  'cs-kd': 'csKd',
  dml: 'mutualLearning',
  'factor-transfer': 'factorTransfer',
  icd: 'ickd',
  'info-nce': 'infoNce',
  'irg-edges': 'irgEdges',
  kdsvd: 'kdSvd',
  'mean-squared-logits': 'logitsMse',
  overhaul: 'ofd',
  'ps-kd': 'psKd',
  relational: 'rkd',
  semckd: 'semCkd',
  'similarity-preserving': 'similarityPreserving',
  simkd: 'simKd',
  'soft-targets': 'softTargets',
  'standardised-dkd': 'logitStandardizationDkd',
  'standardised-kd': 'logitStandardization',
  takd: 'teacherAssistants',
  tutorial: 'tutorialLoss',
  'virtual-teacher': 'virtualTeacher',
} as const;

/** `--teacher`, `--student`, `--assistant`. */
export const architectureNames = { 'seed-cnn': 'tutorial-cnn' } as const;

/** Flags. */
export const flagNames = { 'as-printed': 'as-published', pictures: 'images' } as const;

/** `--preset`: each preset is a file now. */
export const presetFiles = {
  pretrained: 'examples/cifar10/pretrained.ts',
  quick: 'examples/cifar10/quick.ts',
  'quick-wasm': 'examples/cifar10/quickWasm.ts',
  smoke: 'examples/cifar10/smoke.ts',
  standard: 'examples/cifar10/standard.ts',
  survey: 'examples/cifar10/survey.ts',
  tutorial: 'examples/cifar10/tutorial.ts',
} as const;
