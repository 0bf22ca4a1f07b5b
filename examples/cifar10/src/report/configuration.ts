import type { ResolvedTraining, RunConfig } from '../config.ts';
import { bytes, duration, grouped, lessonName } from '../format.ts';
import { methodOf } from '../methods/index.ts';
import type { RunRecord, SetRecord } from '../record/runRecord.ts';
import { escaped, facts } from './html.ts';

/** How the run was made and how to make it again. */
export function configuration(record: RunRecord): string {
  return `<pre>${escaped(record.command)}</pre><div class="two">${experiment(record)}${environment(record)}</div>`;
}

function experiment({ config, data }: RunRecord): string {
  const { optimizer, distillation, views } = config;
  const augmentation = `crop (pad ${views.pad}, reflected)${views.flip ? ' + flip' : ''}, ${views.count} different views of each picture`;
  return facts([
    ['preset', config.preset],
    ['teacher', training(config.teacher)],
    ['student', training(config.student)],
    ...bound(config),
    ['method', `${lessonName(distillation)}, labels × ${distillation.hard}, teacher × ${distillation.soft}`],
    ['views', augmentation],
    ['optimizer', `SGD, Nesterov momentum ${optimizer.momentum}, weight decay ${optimizer.weightDecay}, batches of ${optimizer.batchSize}`],
    ['learning rate', `triangular, up during ${Math.round(100 * optimizer.rise)} % of the steps, then down to 0`],
    ['seeds', config.seeds.join(', ')],
    ['trained on', set(data.train)],
    ...(config.data.taught === undefined ? [] : [['students', `${grouped(config.data.taught)} of these pictures`] as const]),
    ['held out', set(data.held)],
    ['tested on', set(data.test)],
    ['pictures from', data.source],
  ]);
}

function environment({ environment: { engine, machine, versions }, trainings, recordings, started, seconds }: RunRecord): string {
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
    ['machine', `${machine.processor}, ${machine.cores} cores, ${bytes(machine.memoryBytes)}, ${machine.system}`],
    [
      'versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
  ]);
}

function training({ architecture, epochs, peakRate, clipNorm }: ResolvedTraining): string {
  return `${architecture}, ${epochs} epochs, peak rate ${peakRate}${clipNorm === undefined ? '' : `, gradient norm ≤ ${clipNorm}`}`;
}

function set({ name, pictures, identity }: SetRecord): string {
  return `${grouped(pictures)} pictures: ${name}; sha256 ${identity.slice(0, 16)}…`;
}

/** What the method adds to the distilled student's training. */
function bound({ student, distillation }: RunConfig): [string, string][] {
  const { clipNorm } = methodOf(distillation.method);
  return student.clipNorm !== undefined || clipNorm === undefined ? [] : [['distilled', `gradient norm ≤ ${clipNorm}`]];
}
