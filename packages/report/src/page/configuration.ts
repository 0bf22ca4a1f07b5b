import { formatBytes, formatElapsed, formatInteger } from '@kd/core/internal';
import { formatMethod } from '../format.ts';
import { definitionTable, element, escapeHtml } from '../html.ts';
import type {
  AugmentationRecord,
  DatasetRecord,
  NetworkRecord,
  OptimizerRecord,
  RunRecord,
} from '../runRecord.ts';

type Row = readonly [name: string, value: string];

/** Renders the command that repeats a run, the experiment's settings and where it ran. */
export function configuration(record: RunRecord): string {
  return (
    element('pre', {}, escapeHtml(record.command)) +
    element(
      'div',
      { class: 'two' },
      definitionTable(experimentRows(record)),
      definitionTable(environmentRows(record)),
    )
  );
}

function experimentRows({ config, data }: RunRecord): Row[] {
  const { distillation, images } = config;
  const { weights, clipNorm } = distillation;
  return [
    ['Experiment', config.experiment],
    ['Teacher', describeNetwork(config.teacher)],
    ['Student', describeNetwork(config.student)],
    ...(clipNorm === undefined
      ? []
      : [['Distilled student', `gradient norm ≤ ${clipNorm}`] as const]),
    ['Method', formatMethod(distillation)],
    ['Loss weights', `labels ${weights.labels}, method ${weights.method}`],
    ['Augmentation', describeAugmentation(config.augmentation)],
    ...describeOptimizer(config.optimizer),
    ['Seeds', config.seeds.join(', ')],
    ['Data source', data.source],
    ['Training images', describeDataset(data.train)],
    ...(images.student === undefined
      ? []
      : [['Student training images', `${formatInteger(images.student)} of these`] as const]),
    ['Validation images', describeDataset(data.validation)],
    ['Test images', describeDataset(data.test)],
  ];
}

function environmentRows({
  environment: { engine, machine, versions },
  trainings,
  caches,
  started,
  seconds,
}: RunRecord): Row[] {
  const stages = [...Object.entries(trainings), ...Object.entries(caches)];
  return [
    ['Started', started],
    ['Duration', formatElapsed(seconds)],
    ...stages.map(([name, stage]) => [`· ${name}`, formatElapsed(stage.seconds)] as const),
    ['Engine', `${engine.name} ${engine.version}, ${engine.device}, ${engine.threads} threads`],
    ...engine.refused.map(({ name, reason }) => [`Not ${name}`, reason] as const),
    ['Processor', `${machine.processor}, ${machine.cores} cores`],
    ['Memory', formatBytes(machine.memoryBytes)],
    ['System', machine.system],
    [
      'Versions',
      Object.entries(versions)
        .map((entry) => entry.join(' '))
        .join(', '),
    ],
  ];
}

function describeNetwork({
  architecture,
  epochs,
  peakRate,
  clipNorm,
  size,
  backbone,
  ownHead,
}: NetworkRecord): string {
  const resized = size === undefined ? '' : `, images resized to ${size} × ${size}`;
  if (ownHead !== undefined)
    return `${architecture}${resized}, with its own ${ownHead.classNames.length} classes (${ownHead.weights}), not trained`;
  const training =
    backbone === undefined
      ? `, ${epochs} epochs, peak learning rate ${peakRate}`
      : `, pretrained (${backbone.weights}), backbone frozen; new head: ${epochs} epochs of Adam, ` +
        `learning rate ${peakRate}`;
  const bound = clipNorm === undefined ? '' : `, gradient norm ≤ ${clipNorm}`;
  return `${architecture}${resized}${training}${bound}`;
}

function describeAugmentation({
  padding,
  flip,
  views,
  mixing = {},
  ...others
}: AugmentationRecord): string {
  const options = (value: object) =>
    Object.entries(value)
      .map(([name, option]) => `${name} ${Array.isArray(option) ? option.join('–') : option}`)
      .join(', ');
  const named = (name: string, value: object | undefined) =>
    value === undefined
      ? []
      : [`${name}${Object.keys(value).length === 0 ? '' : ` (${options(value)})`}`];
  const transforms = [
    ...named('random resized crop', others.randomResizedCrop),
    ...(padding > 0 ? [`random crop (padding ${padding}, reflected)`] : []),
    ...(flip ? ['random horizontal flip'] : []),
    ...named('RandAugment', others.randAugment),
    ...named('color jitter', others.colorJitter),
    ...named('random erasing', others.randomErasing),
    ...Object.entries(mixing).map(([name, alpha]) => `${name} (alpha ${alpha})`),
  ];
  return transforms.length === 0
    ? 'none'
    : `${transforms.join(', ')}; up to ${views} views of each image`;
}

function describeOptimizer(optimizer: OptimizerRecord): Row[] {
  if (optimizer.name === 'adam')
    return [
      ['Optimizer', `Adam, batch size ${optimizer.batchSize}`],
      ['Learning rate', 'constant'],
    ];
  const { momentum, weightDecay, batchSize, rise } = optimizer;
  return [
    [
      'Optimizer',
      `SGD, Nesterov momentum ${momentum}, weight decay ${weightDecay}, batch size ${batchSize}`,
    ],
    [
      'Learning rate',
      `triangular: rises over ${Math.round(100 * rise)} % of the steps, then falls to 0`,
    ],
  ];
}

function describeDataset({ name, images, fingerprint }: DatasetRecord): string {
  return `${formatInteger(images)} of ${name} (SHA-256 ${fingerprint.slice(0, 16)}…)`;
}
