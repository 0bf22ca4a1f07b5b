import { bytes, duration, grouped, lessonName } from '../format.ts';
import { escaped, facts } from '../html.ts';
import type {
  ExperimentRecord,
  OptimizerRecord,
  RunRecord,
  SetRecord,
  TrainingChoiceRecord,
  ViewsRecord,
} from '../runRecord.ts';

/** How the run was made and how to make it again. */
export function configuration(record: RunRecord): string {
  return `<pre>${escaped(record.command)}</pre><div class="two">${experiment(record)}${environment(record)}</div>`;
}

function experiment({ config, data }: RunRecord): string {
  const { optimizer, distillation, views } = config;
  const augmentation = viewsText(views);
  return facts([
    ['preset', config.preset],
    ['teacher', training(config.teacher)],
    ['student', training(config.student)],
    ...bound(config),
    [
      'method',
      `${lessonName(distillation)}, labels × ${distillation.hard}, teacher × ${distillation.soft}`,
    ],
    ['views', augmentation],
    ...movedBy(optimizer),
    ['seeds', config.seeds.join(', ')],
    ['trained on', set(data.train)],
    ...(config.data.taught === undefined
      ? []
      : [['students', `${grouped(config.data.taught)} of these pictures`] as const]),
    ['held out', set(data.held)],
    ['tested on', set(data.test)],
    ['pictures from', data.source],
  ]);
}

function environment({
  environment: { engine, machine, versions },
  trainings,
  recordings,
  started,
  seconds,
}: RunRecord): string {
  const stages = [
    ...Object.entries(trainings).map(([name, stage]) => [name, stage.seconds] as const),
    ...Object.entries(recordings).map(([name, stage]) => [name, stage.seconds] as const),
  ];
  return facts([
    ['started', started],
    ['took', duration(seconds)],
    ...stages.map(([name, spent]) => [`· ${name}`, duration(spent)] as const),
    ['engine', `${engine.name} ${engine.version}, ${engine.device}, ${engine.threads} threads`],
    ...engine.refused.map(({ name, reason }) => [`not ${name}`, reason] as const),
    [
      'machine',
      `${machine.processor}, ${machine.cores} cores, ${bytes(machine.memoryBytes)}, ${machine.system}`,
    ],
    [
      'versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
  ]);
}

function viewsText({ pad, flip, count }: ViewsRecord): string {
  const drawn = [...(pad > 0 ? [`crop (pad ${pad}, reflected)`] : []), ...(flip ? ['flip'] : [])];
  return drawn.length === 0
    ? 'the pictures as they are'
    : `${drawn.join(' + ')}, ${count} different views of each picture`;
}

function movedBy(optimizer: OptimizerRecord): [string, string][] {
  if (optimizer.name === 'adam')
    return [['optimizer', `Adam at a constant rate, batches of ${optimizer.batchSize}`]];
  const { momentum, weightDecay, batchSize, rise } = optimizer;
  return [
    [
      'optimizer',
      `SGD, Nesterov momentum ${momentum}, weight decay ${weightDecay}, batches of ${batchSize}`,
    ],
    [
      'learning rate',
      `triangular, up during ${Math.round(100 * rise)} % of the steps, then down to 0`,
    ],
  ];
}

function training({
  architecture,
  epochs,
  peakRate,
  clipNorm,
  size,
  body,
}: TrainingChoiceRecord): string {
  const bound = clipNorm === undefined ? '' : `, gradient norm ≤ ${clipNorm}`;
  const seen = size === undefined ? '' : `, pictures enlarged to ${size} × ${size}`;
  if (body === undefined)
    return `${architecture}${seen}, ${epochs} epochs, peak rate ${peakRate}${bound}`;
  return `${architecture}, body from ${body.weights}${seen}; a new head, ${epochs} epochs of Adam at ${peakRate}${bound}`;
}

function set({ name, pictures, identity }: SetRecord): string {
  return `${grouped(pictures)} pictures: ${name}; sha256 ${identity.slice(0, 16)}…`;
}

/** What the method adds to the distilled student's training. */
function bound({ distillation: { clipNorm } }: ExperimentRecord): [string, string][] {
  return clipNorm === undefined ? [] : [['distilled', `gradient norm ≤ ${clipNorm}`]];
}
