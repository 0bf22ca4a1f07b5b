import { parseArgs } from 'node:util';
import type { EngineName } from '@kd/engine';
import { architectures } from '../experiment/architectures.ts';
import type { Overrides } from '../experiment/configure.ts';
import { flagNames, presetFiles } from '../experiment/formerNames.ts';
import { methods } from '../experiment/methods.ts';
import { chooseName, UsageError, usageError } from '../experiment/usageError.ts';

/** One flag: the name of its value ('' where it takes none), and its line in the help. */
export interface Flag {
  readonly takes: string;
  readonly about: string;
}

/** All flags of all commands. */
export const flags = {
  teacher: { takes: 'name', about: 'another teacher (below)' },
  student: { takes: 'name', about: 'another student (below)' },
  method: { takes: 'name', about: 'another distillation method (below)' },
  temperature: { takes: 'number', about: 'temperature of the method, > 0; 4 is usual' },
  assistant: {
    takes: 'name',
    about: 'the network between teacher and student, with --method teacherAssistants (below)',
  },
  generations: {
    takes: 'number',
    about: 'students in a row, each taught by the one before, with --method bornAgain; 3 is usual',
  },
  'teacher-weights': {
    takes: 'source',
    about: 'weights of a pretrained teacher: a file (.safetensors, .pth), hf://… or https://…',
  },
  'teacher-classes': {
    takes: 'file',
    about: "names of the teacher's own classes, one a line: its head is kept, and nothing trained",
  },
  'class-map': {
    takes: 'file',
    about: "JSON from names of the teacher's classes to names of yours, where they differ",
  },
  'as-published': {
    takes: '',
    about: 'runs a published recipe with all its defects (experiment tutorial)',
  },
  images: {
    takes: 'number',
    about: 'training images; those for validation come on top',
  },
  epochs: { takes: 'number', about: 'epochs of the students' },
  seeds: { takes: 'list', about: '3 means 0,1,2; a list names them: 0,1,2, or 7, for one' },
  engine: {
    takes: 'name',
    about: 'tensorflow, webgpu, wasm or cpu; the fastest that starts if left out',
  },
  out: {
    takes: 'directory',
    about: 'where the run goes; runs/<date>-<experiment> if left out',
  },
  resume: {
    takes: '[directory]',
    about: 'goes on with an interrupted run; the latest one if no directory is named',
  },
  'no-substitute': {
    takes: '',
    about: 'keeps the experiment where no fast engine starts, instead of its smaller substitute',
  },
  data: {
    takes: 'images',
    about: 'your images: a directory, a file, an address or a module (above)',
  },
  size: {
    takes: 'pixels',
    about: 'side of the squares that images are resized and cropped to',
  },
  recipe: {
    takes: 'name',
    about: 'how images are resized: torchvision (bilinear) or timm (bicubic)',
  },
  'skip-broken': { takes: '', about: 'leaves out images that cannot be decoded, and lists them' },
  'image-column': { takes: 'name', about: 'the column or array with the images, or their files' },
  'label-column': { takes: 'name', about: 'the column or array with the labels' },
  minutes: {
    takes: 'number',
    about: 'chooses images and epochs for so long a run on this computer',
  },
  'teacher-epochs': { takes: 'number', about: 'epochs of the teacher, or of its new head' },
  sampling: {
    takes: 'name',
    about: 'classBalanced: an epoch has as many images of each class, rare ones repeat',
  },
  'class-weights': {
    takes: 'name',
    about: 'balanced: rare classes weigh more in the loss with the labels',
  },
  'no-flip': { takes: '', about: 'no horizontal flips, for images with left and right' },
  architecture: { takes: 'name', about: 'the network that a weights file belongs to (below)' },
  experiment: {
    takes: 'file',
    about: 'the experiment or data module with the data set; the one that the run names',
  },
  methods: { takes: 'list', about: 'methods by name, such as dkd,review; all if left out' },
  docs: {
    takes: 'page',
    about: 'writes the table into a Markdown page, between <!-- survey --> and <!-- /survey -->',
  },
  json: { takes: '', about: 'prints the report as JSON' },
  to: { takes: 'formats', about: 'onnx, tfjs, litert, safetensors, or several: onnx,litert; onnx' },
  int8: { takes: '', about: 'adds files with 8 bits' },
  float16: { takes: '', about: 'adds files whose weights are halves' },
  seed: { takes: 'number', about: 'the student of this seed, instead of the best one' },
  calibration: {
    takes: 'method',
    about: 'how ranges are taken from training images: percentile, minMax or entropy; percentile',
  },
  'full-range': {
    takes: '',
    about: 'weights of 8 bits, not 7, in the calibrated ONNX file: processors without VNNI differ',
  },
  layers: {
    takes: '',
    about: 'layers models of TensorFlow.js, which can be trained further, not graph models',
  },
  layout: { takes: 'axes', about: 'nhwc or nchw: the input of ONNX files; nhwc' },
  preparation: {
    takes: 'place',
    about: "inside or outside of the file: the network's own resizing and normalization; inside",
  },
  probabilities: { takes: '', about: 'files end in a softmax, not in logits' },
  taps: { takes: '', about: "ONNX and TensorFlow.js files return the network's feature maps too" },
  overwrite: { takes: '', about: 'replaces files of an earlier export' },
  gpu: {
    takes: '',
    about: "the CUDA build with NVIDIA's libraries (Linux x64): 3.4 GB to download, 5.6 GB on disk",
  },
  version: {
    takes: 'version',
    about: '2.21 for its newest release, or 2.21.0; KD_TENSORFLOW_VERSION chooses one of several',
  },
  help: { takes: '', about: 'prints this page' },
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof flags;

/** The flags of `kd run` and `kd distill` that override fields of the experiment. */
export const overrideFlags = [
  'teacher',
  'student',
  'method',
  'temperature',
  'assistant',
  'generations',
  'teacher-weights',
  'teacher-classes',
  'class-map',
  'as-published',
  'images',
  'epochs',
  'teacher-epochs',
  'sampling',
  'class-weights',
  'no-flip',
  'seeds',
] as const satisfies readonly FlagName[];

/** A command line after its command. */
export interface CommandLine {
  /** The argument that is no flag. */
  readonly operand: string | undefined;
  readonly values: ReadonlyMap<FlagName, string>;
}

/**
 * Reads the arguments of a command.
 * @param operand Name of the one argument that is no flag; undefined where the command has none.
 * @throws UsageError naming the flag, what it takes and what came.
 */
export function parseFlags(
  command: string,
  allowed: readonly FlagName[],
  operand: string | undefined,
  args: readonly string[],
): CommandLine {
  const known: readonly FlagName[] = [...allowed, 'help'];
  const options = Object.fromEntries(
    known.map((name) => {
      const type = flags[name].takes === '' ? 'boolean' : 'string';
      return [name, { type } as const];
    }),
  );
  const { tokens } = parseArgs({
    args: completeResume(args),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<FlagName, string>();
  let found: string | undefined;
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (operand === undefined || found !== undefined)
        throw new UsageError(
          `kd ${command}: expected ${operand === undefined ? 'flags only' : `one ${operand}`}, got '${token.value}'; --help lists the flags.`,
        );
      found = token.value;
    }
    if (token.kind !== 'option') continue;
    const name = known.find((each) => each === token.name);
    if (name === undefined)
      throw unknownFlag(command, known, token, token.value ?? args[token.index + 1]);
    const { takes } = flags[name];
    if (takes === '' && token.value !== undefined)
      throw usageError(`--${name}`, 'no value', token.value);
    if (takes !== '' && token.value === undefined)
      throw usageError(`--${name}`, `a ${takes}`, 'nothing');
    if (values.has(name))
      throw usageError(`--${name}`, 'one value', 'the flag twice', 'leave one out');
    values.set(name, token.value ?? '');
  }
  return { operand: found, values };
}

/** `--resume` without a directory becomes `--resume=`. */
function completeResume(args: readonly string[]): string[] {
  return args.map((arg, index) =>
    arg === '--resume' && (args[index + 1] ?? '--').startsWith('--') ? '--resume=' : arg,
  );
}

function unknownFlag(
  command: string,
  known: readonly FlagName[],
  { name, rawName }: { readonly name: string; readonly rawName: string },
  value = '',
): UsageError {
  if (name === 'preset') {
    const file = Object.hasOwn(presetFiles, value)
      ? presetFiles[value as keyof typeof presetFiles]
      : 'examples/cifar10/<name>.ts';
    const got = `its former name ${[rawName, value].join(' ').trim()}`;
    return usageError('--preset', 'an experiment file', got, `npm run kd -- run ${file}`);
  }
  if (Object.hasOwn(flagNames, name))
    return usageError(
      rawName,
      `--${flagNames[name as keyof typeof flagNames]}`,
      `its former name ${rawName}`,
    );
  const list = known.map((each) => `--${each}`).join(', ');
  return usageError(`kd ${command}`, `one of ${list}`, rawName, '--help explains them');
}

const engines = { tensorflow: 0, webgpu: 0, wasm: 0, cpu: 0 } as const satisfies Record<
  EngineName,
  0
>;

/** Reads one flag, if it is there. */
export function readFlag<Value>(
  { values }: CommandLine,
  name: FlagName,
  read: (text: string, flag: string) => Value,
): Value | undefined {
  const text = values.get(name);
  return text === undefined ? undefined : read(text, `--${name}`);
}

/** Reads `--engine`. */
export function readEngine(line: CommandLine): EngineName | undefined {
  return readFlag(line, 'engine', (text, flag) => chooseName(engines, text, flag));
}

/** Reads the flags that override fields of an experiment. */
export function readOverrides(line: CommandLine): Overrides {
  const architecture = (text: string, flag: string) => chooseName(architectures, text, flag);
  return withoutUndefined({
    teacher: readFlag(line, 'teacher', architecture),
    student: readFlag(line, 'student', architecture),
    method: readFlag(line, 'method', (text, flag) => chooseName(methods, text, flag)),
    temperature: readFlag(line, 'temperature', (text, flag) =>
      readNumber(text, flag, Number.MIN_VALUE, 'a temperature > 0'),
    ),
    assistant: readFlag(line, 'assistant', architecture),
    generations: readFlag(line, 'generations', readCount('generations', 1)),
    teacherWeights: readFlag(line, 'teacher-weights', readText('a file or an address')),
    teacherClasses: readFlag(line, 'teacher-classes', readText('a file')),
    classMap: readFlag(line, 'class-map', readText('a file')),
    asPublished: line.values.has('as-published') || undefined,
    images: readFlag(line, 'images', readCount('images', 100)),
    epochs: readFlag(line, 'epochs', readCount('epochs', 1)),
    teacherEpochs: readFlag(line, 'teacher-epochs', readCount('epochs', 1)),
    sampling: readFlag(line, 'sampling', (text, flag) =>
      chooseName({ classBalanced: 0 }, text, flag),
    ),
    classWeights: readFlag(line, 'class-weights', (text, flag) =>
      chooseName({ balanced: 0 }, text, flag),
    ),
    noFlip: line.values.has('no-flip') || undefined,
    seeds: readFlag(line, 'seeds', readSeeds),
  });
}

/**
 * Reads `--minutes`.
 * @throws UsageError also where flags beside it choose the epochs already.
 */
export function readMinutes(line: CommandLine): number | undefined {
  const minutes = readFlag(line, 'minutes', (text, flag) =>
    readNumber(text, flag, 0.1, 'minutes ≥ 0.1'),
  );
  for (const name of ['epochs', 'teacher-epochs'] as const)
    if (minutes !== undefined && line.values.has(name))
      throw usageError(
        `--${name}`,
        'nothing beside --minutes, which chooses the epochs',
        line.values.get(name),
        'leave one of the two out',
      );
  return minutes;
}

/** Reads a whole number of things. */
export function readCount(what: string, least: number): (text: string, flag: string) => number {
  return (text, flag) =>
    readNumber(text, flag, least, `a whole number of ${what} ≥ ${least}`, Number.isSafeInteger);
}

/** Reads one seed. */
export function readSeed(text: string, flag: string): number {
  const isSeed = (value: number) => Number.isInteger(value) && value < 2 ** 32;
  return readNumber(text, flag, 0, 'a whole number below 2³²', isSeed);
}

/** Reads `--size`. */
export function readSize(line: CommandLine): number | undefined {
  return readFlag(line, 'size', (text, flag) =>
    readNumber(
      text,
      flag,
      8,
      'a side from 8 to 1024 pixels',
      (side) => Number.isInteger(side) && side <= 1024,
    ),
  );
}

/** Reads a text that must not be empty. */
export function readText(expected: string): (text: string, flag: string) => string {
  return (text, flag) => {
    if (text === '') throw usageError(flag, expected, 'nothing');
    return text;
  };
}

/** Reads seeds: `3` is 0, 1, 2; `4,7` is 4, 7; `7,` is 7. */
export function readSeeds(text: string, flag: string): number[] {
  const expected = 'how many seeds (3), or a list of different whole numbers below 2³² (0,1,2)';
  if (!/^\d+(,\d+)*,?$/.test(text))
    throw usageError(flag, expected, text === '' ? 'nothing' : text);
  const numbers = text
    .split(',')
    .filter((part) => part !== '')
    .map(Number);
  const seeds = text.includes(',')
    ? numbers
    : Array.from({ length: Math.min(numbers[0] as number, 1001) }, (_, seed) => seed);
  const isWrong =
    seeds.length === 0 ||
    seeds.length > 1000 ||
    seeds.some((seed) => seed >= 2 ** 32) ||
    new Set(seeds).size < seeds.length;
  if (isWrong) throw usageError(flag, expected, text);
  return seeds;
}

function readNumber(
  text: string,
  flag: string,
  least: number,
  expected: string,
  isRight: (value: number) => boolean = Number.isFinite,
): number {
  const value = /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && isRight(value)))
    throw usageError(flag, expected, text === '' ? 'nothing' : text);
  return value;
}

/** Drops the fields that are undefined. */
export function withoutUndefined<Fields extends object>(
  fields: Fields,
): { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as never;
}
