import path from 'node:path';
import {
  type Agreement,
  checkedBatches,
  checkModel,
  type ExportFormat,
  explainDisagreement,
  type LoadedModel,
  type MissingRuntime,
  type ModelInterface,
  openRuntimes,
  type Runtime,
  timeModels,
} from '@kd/export/node';
import type { ExportCheck, MissingCheck } from '@kd/report';
import type { SessionServices } from '../run/context.ts';
import type { TestAnswers } from './testAnswers.ts';
import type { Variant, WrittenFiles } from './variant.ts';

/** Images on which the runtimes after the first of a format check a file. */
const furtherImages = 1000;

/** A file that was run on one runtime. */
interface RunFile {
  readonly runtime: Runtime;
  readonly model: LoadedModel;
  readonly agreement: Agreement;
  readonly images: TestAnswers;
}

/** What the checks found about a file. */
export interface CheckedVariant {
  readonly variant: Variant;
  /** Why it must not be written; absent: it agrees, as far as it could be run. */
  readonly refusal?: string;
  readonly checks: readonly ExportCheck[];
  readonly unchecked: readonly MissingCheck[];
  /** Its answers, [images × classes], on the first of its runtimes; absent where there is none. */
  readonly answers?: Float32Array;
}

/**
 * Runs files on the runtimes of their formats, and times those that agree side by side.
 * @param testOf Returns the images as files take them.
 */
export async function checkFiles(
  directory: string,
  written: ReadonlyMap<Variant, WrittenFiles>,
  testOf: (variant: Variant, files: WrittenFiles) => TestAnswers,
  services: SessionServices,
): Promise<CheckedVariant[]> {
  const formats = [...new Set([...written.keys()].map(({ format }) => format))];
  const opened = new Map<ExportFormat, OpenedRuntimes>();
  for (const format of formats) opened.set(format, await openRuntimes(format));
  const open: LoadedModel[] = [];
  try {
    const found: {
      readonly variant: Variant;
      readonly runs: readonly RunFile[];
      readonly missing: readonly MissingRuntime[];
      readonly refusal: string | undefined;
      readonly answers: Float32Array | undefined;
    }[] = [];
    for (const [variant, files] of written) {
      const { notRun } = files;
      const test = testOf(variant, files);
      const all = opened.get(variant.format) ?? { runtimes: [], missing: [] };
      const { runtimes, missing } = notRun === undefined ? all : skipAll(all, notRun);
      const file = path.join(directory, variant.name);
      const { imageShape, classes } = test;
      const model: ModelInterface = { imageShape, layout: variant.layout, classes };
      const runs: RunFile[] = [];
      let refusal: string | undefined;
      let answers: Float32Array | undefined;
      for (const [at, runtime] of runtimes.entries()) {
        const count = at === 0 ? test.labels.length : Math.min(furtherImages, test.labels.length);
        const run = await runFile(
          runtime,
          { variant, file, model, open },
          first(test, count),
          services,
        );
        if ('refusal' in run) {
          refusal = `${runtime.name} ${runtime.version}: ${run.refusal}`;
          break;
        }
        if (at === 0) answers = run.answers;
        runs.push(run);
      }
      found.push({ variant, runs, missing, refusal, answers });
    }
    const accepted = found.flatMap(({ refusal, runs }) => (refusal === undefined ? runs : []));
    const latencies = await timeModels(accepted, { signal: services.signal });
    const latencyOf = new Map(accepted.map((run, at) => [run, latencies[at]]));
    return found.map(({ variant, runs, missing, refusal, answers }) => ({
      variant,
      ...(refusal !== undefined && { refusal }),
      ...(answers !== undefined && { answers }),
      checks: runs.map((run) => ({
        runtime: run.runtime.name,
        version: run.runtime.version,
        settings: run.runtime.settings,
        batches: checkedBatches,
        ...run.agreement,
        loadMilliseconds: run.model.loadMilliseconds,
        latencyMilliseconds: latencyOf.get(run) ?? { batch1: Number.NaN, batch32: Number.NaN },
      })),
      unchecked: missing.map(({ name, reason }) => ({ runtime: name, reason })),
    }));
  } finally {
    await Promise.all(open.map((model) => model.close()));
  }
}

type OpenedRuntimes = Awaited<ReturnType<typeof openRuntimes>>;

/** No runtime, for one reason. */
function skipAll({ runtimes, missing }: OpenedRuntimes, reason: string): OpenedRuntimes {
  const names = [...runtimes, ...missing].map(({ name }) => name);
  return { runtimes: [], missing: names.map((name) => ({ name, reason })) };
}

/** The first images of a test. */
function first(test: TestAnswers, count: number): TestAnswers {
  return {
    ...test,
    labels: Array.from({ length: count }, (_, at) => test.labels[at] as number),
    answers: test.answers.subarray(0, count * test.classes),
  };
}

/**
 * Runs a file on a runtime.
 * @returns Why it is refused, where the runtime does not take it or it disagrees.
 */
async function runFile(
  runtime: Runtime,
  {
    variant,
    file,
    model: shape,
    open,
  }: {
    readonly variant: Variant;
    readonly file: string;
    readonly model: ModelInterface;
    /** Receives what has to be closed. */
    readonly open: LoadedModel[];
  },
  test: TestAnswers,
  { createProgress, signal, log }: SessionServices,
): Promise<(RunFile & { readonly answers: Float32Array }) | { readonly refusal: string }> {
  try {
    // The first time a runtime loads anything it starts itself too.
    await (await runtime.load(file, shape)).close();
    const model = await runtime.load(file, shape);
    open.push(model);
    const progress = createProgress(
      `${variant.name} on ${runtime.name}`,
      test.labels.length,
      'images',
    );
    const { agreement, answers } = await checkModel(model, test, {
      caller: variant.name,
      signal,
      onImages: (done) => progress.update(done),
    });
    progress.end();
    const refusal = explainDisagreement(
      agreement,
      variant.activations === 'int8' ? 'int8' : variant.weights,
    );
    if (refusal !== undefined) return { refusal };
    log(describe(variant, runtime, agreement));
    return { runtime, model, agreement, answers, images: test };
  } catch (error) {
    signal.throwIfAborted();
    return { refusal: (error as Error).message };
  }
}

function describe(
  { name }: Variant,
  runtime: Runtime,
  { images, sameClass, largestChange }: Agreement,
): string {
  const changes = Math.round((1 - sameClass) * images);
  const classes = changes === 0 ? 'every class' : `all but ${changes} classes`;
  return `${name} on ${runtime.name}: ${classes} of ${images} as the network's, logits within ${largestChange.toPrecision(2)}`;
}
