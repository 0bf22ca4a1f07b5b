import path from 'node:path';
import { fingerprint } from '@kd/core';
import { formatBytes, formatInteger, formatPercent } from '@kd/core/internal';
import type { Engine } from '@kd/engine';
import type { ExportFormat } from '@kd/export/node';
import {
  describeExport,
  type ExportedFile,
  type ExportRecord,
  formatMilliseconds,
  formatTable,
} from '@kd/report';
import { readExportRecord } from '@kd/report/node';
import { chooseName, usageError } from '../experiment/usageError.ts';
import { expectPlace, exportNetwork } from '../export/exportNetwork.ts';
import {
  chooseJob,
  exportedRoles,
  type OpenedNetwork,
  openTrained,
} from '../export/openNetwork.ts';
import type { CalibrationMethod, ExportChoice } from '../export/variant.ts';
import type { SessionServices } from '../run/context.ts';
import { describeEnvironment, openEngine } from '../run/engine.ts';
import { findRun } from '../run/runDirectory.ts';
import { quote } from '../run/runExperiment.ts';
import { type Command, invocation } from './command.ts';
import {
  type CommandLine,
  type FlagName,
  readCount,
  readEngine,
  readFlag,
  readSeed,
  readText,
} from './flags.ts';
import { isFile, loadRunImages, openWeights, requireOperand } from './networkSource.ts';

/** `kd export`. */
export const exportCommand: Command = {
  operand: 'run|weights',
  flags: [
    'to',
    'int8',
    'float16',
    'student',
    'seed',
    'calibration',
    'full-range',
    'layers',
    'layout',
    'preparation',
    'probabilities',
    'taps',
    'images',
    'out',
    'overwrite',
    'architecture',
    'data',
    'experiment',
    'engine',
  ],
  flagTexts: {
    student: {
      takes: 'name',
      about: 'distilled, the default; alone, or teacher: another network of the run',
    },
    images: {
      takes: 'number',
      about: 'test images on which files are checked; all, up to 10,000, if left out',
    },
    out: { takes: 'directory', about: 'where files go; export/ in the run if left out' },
    architecture: { takes: 'name', about: 'the network that a weights file belongs to (below)' },
  },
  about: 'Writes a trained network as ONNX, TensorFlow.js, LiteRT or PyTorch, checked.',
  notes: [
    'Of a run the distilled student that was best on the validation images, on the images of the run; of a file of weights (.safetensors, .pth) the network that --architecture names, with those of --experiment.',
    'Each file is run on the runtimes that are here (onnxruntime-node, onnxruntime-web, @tensorflow/tfjs-converter, @litertjs/core; in Python ai-edge-litert and torch, KD_PYTHON names one) on the test images. One that does not answer as the network is not written, and the command ends with 1. export.html shows sizes, times, and pictures whose class changed; export.json has all numbers.',
    '--int8 adds files with weights of 8 bits, as fast as float32 and a quarter of its size, and files that compute with 8 bits, by ranges observed on 512 training images: whether these are faster depends on runtime, processor and network, and the table shows it.',
  ],
  lists: ['architectures'],
  async run(line, services) {
    const target = requireOperand(line, 'export', 'the directory of a run, or a file of weights');
    const choice = readChoice(line);
    const out = readFlag(line, 'out', readText('a directory'));
    const images = readFlag(line, 'images', readCount('images', 1));
    const isWeights = isFile(target);
    const directory = path.resolve(
      out ?? path.join(isWeights ? path.dirname(target) : target, 'export'),
    );
    const role = readFlag(line, 'student', (text, flag) => chooseName(exportedRoles, text, flag));
    const base = isWeights ? 'network' : role === 'teacher' ? 'teacher' : 'student';
    const overwrite = line.values.has('overwrite');
    expectPlace({ directory, base, choice, overwrite });
    const earlier = await readExportRecord(directory);
    const { opened, engine } = isWeights
      ? await openFile(target, line, services)
      : await openRun(target, line, services);
    try {
      const { machine } = await describeEnvironment(engine);
      const record = await exportNetwork(
        opened,
        {
          choice,
          directory,
          base,
          overwrite,
          ...(images !== undefined && { images }),
          command: `${invocation} export ${quote(target)}${repeatFlags(line)}`,
          engine: `${engine.name} ${engine.version}`,
          machine: `${machine.processor}, ${machine.cores} cores`,
          earlier,
        },
        services,
      );
      return printExport(record, directory, services.log);
    } finally {
      opened.network.dispose();
    }
  },
};

const formats = { onnx: 0, tfjs: 0, litert: 0, safetensors: 0 } as const satisfies Record<
  ExportFormat,
  0
>;
const methods = { minMax: 0, percentile: 0, entropy: 0 } as const satisfies Record<
  CalibrationMethod,
  0
>;

/** Reads what files are wanted. @throws UsageError on flags that have no file to change. */
function readChoice(line: CommandLine): ExportChoice {
  const wanted = readFlag(line, 'to', (text, flag) => [
    ...new Set(text.split(',').map((name) => chooseName(formats, name, flag))),
  ]) ?? ['onnx' as const];
  const int8 = line.values.has('int8');
  const expect = (flag: FlagName, isRight: boolean, needed: string) => {
    if (line.values.has(flag) && !isRight)
      throw usageError(`--${flag}`, `${needed} beside it`, 'nothing of the kind');
  };
  const has = (...names: readonly ExportFormat[]) => wanted.some((name) => names.includes(name));
  expect('int8', has('onnx', 'tfjs', 'litert'), '--to onnx, tfjs or litert');
  expect('float16', has('onnx', 'tfjs', 'litert'), '--to onnx, tfjs or litert');
  expect('calibration', int8 && has('onnx', 'litert'), '--int8 and --to onnx or litert');
  expect('full-range', int8 && has('onnx'), '--int8 and --to onnx');
  expect('layers', has('tfjs'), '--to tfjs');
  expect('layout', has('onnx'), '--to onnx');
  expect('taps', has('onnx', 'tfjs'), '--to onnx or tfjs');
  return {
    formats: wanted,
    int8,
    float16: line.values.has('float16'),
    calibration:
      readFlag(line, 'calibration', (text, flag) => chooseName(methods, text, flag)) ??
      'percentile',
    reduceRange: !line.values.has('full-range'),
    layers: line.values.has('layers'),
    layout:
      readFlag(line, 'layout', (text, flag) => chooseName({ nhwc: 0, nchw: 0 }, text, flag)) ??
      'nhwc',
    preparation:
      readFlag(line, 'preparation', (text, flag) =>
        chooseName({ inside: 0, outside: 0 }, text, flag),
      ) ?? 'inside',
    output: line.values.has('probabilities') ? 'probabilities' : 'logits',
    taps: line.values.has('taps'),
  };
}

interface OpenedForExport {
  readonly opened: OpenedNetwork;
  readonly engine: Engine;
}

async function openRun(
  target: string,
  line: CommandLine,
  services: SessionServices,
): Promise<OpenedForExport> {
  const found = await findRun(target, 'kd export');
  if (line.values.has('architecture'))
    throw usageError(
      '--architecture',
      'nothing beside a run, which has it',
      line.values.get('architecture'),
      'leave it out',
    );
  const role =
    readFlag(line, 'student', (text, flag) => chooseName(exportedRoles, text, flag)) ?? 'distilled';
  const job = chooseJob(found, role, readFlag(line, 'seed', readSeed));
  const images = await loadRunImages(found, line, services);
  const engine = await openEngine(readEngine(line), services);
  return { opened: await openTrained(found, job, images, target), engine };
}

async function openFile(
  file: string,
  line: CommandLine,
  services: SessionServices,
): Promise<OpenedForExport> {
  for (const flag of ['student', 'seed'] as const)
    if (line.values.has(flag))
      throw usageError(
        `--${flag}`,
        'nothing beside a file of weights',
        line.values.get(flag),
        'leave it out',
      );
  const { engine, ...weights } = await openWeights(file, line, services);
  return {
    engine,
    opened: {
      ...weights,
      title: path.basename(file),
      source: file,
      fingerprint: (await fingerprint(weights.network)).weights,
    },
  };
}

/** Formats the flags of a command line. */
function repeatFlags({ values }: CommandLine): string {
  return Array.from(values, ([name, value]) =>
    value === '' ? ` --${name}` : ` --${name} ${quote(value)}`,
  ).join('');
}

function printExport(record: ExportRecord, directory: string, log: SessionServices['log']): number {
  const shown = path.relative('.', directory) || '.';
  log(`\n${exportTable(record.files)}\n\n${describeExport(record)}`);
  const missing = new Map(
    record.files.flatMap(({ unchecked }) =>
      unchecked.map(({ runtime, reason }) => [runtime, reason] as const),
    ),
  );
  for (const [runtime, reason] of missing) log(`Not checked on ${runtime}: ${reason}`);
  log(`Page: ${path.join(shown, 'export.html')}`);
  for (const { name, reason } of record.refused) log(`✗ ${name} was not written: ${reason}`);
  return record.refused.length === 0 ? 0 : 1;
}

function exportTable(files: readonly ExportedFile[]): string {
  const titles = ['file', 'runtime', 'size', 'images', 'same class', 'accuracy', '1 image', '32'];
  const rows = files.flatMap(({ name, bytes, checks }) => {
    const size = formatBytes(bytes, 2);
    if (checks.length === 0) return [[name, 'not checked', size, '', '', '', '', '']];
    return checks.map(({ runtime, images, sameClass, accuracy, latencyMilliseconds }) => [
      name,
      runtime,
      size,
      formatInteger(images),
      formatPercent(sameClass, 2),
      formatPercent(accuracy, 2),
      formatMilliseconds(latencyMilliseconds.batch1),
      formatMilliseconds(latencyMilliseconds.batch32),
    ]);
  });
  return formatTable([titles, ...rows], 2);
}
