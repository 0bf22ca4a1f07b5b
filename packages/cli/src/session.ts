import path from 'node:path';
import { ensure, type ProgressFactory } from '@kd/core';
import { loadCifar10 } from '@kd/data/node';
import type { Engine, EngineName } from '@kd/engine';
import { besides, conclude, duration, summarize, table } from '@kd/report';
import type { Request } from './command/parse.ts';
import { commandOf, expectSameRun } from './command/repeat.ts';
import { configure } from './config.ts';
import { openEngine } from './environment.ts';
import { choosePictures, describePictures, type Pictures } from './pictures.ts';
import { runPipeline } from './pipeline.ts';
import { type PresetName, presets } from './presets.ts';
import { newRecord } from './record/newRecord.ts';
import type { RunRecord } from './record/run.ts';
import { type FoundRun, findRun, newFolder, removeIfEmpty } from './record/runFolder.ts';

/** What a session writes to and listens to. */
export interface Surroundings {
  readonly createProgress: ProgressFactory;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

interface Opened {
  readonly directory: string;
  readonly record: RunRecord;
  readonly pictures: Pictures;
}

/**
 * Does what a command line asks for. @returns Whether what the preset claims holds; true where it
 * claims nothing.
 */
export async function runSession(request: Request, surroundings: Surroundings): Promise<boolean> {
  const { log, signal } = surroundings;
  const opened =
    request.resume === undefined
      ? await openNew(request, surroundings)
      : await openAgain(request, request.resume, surroundings);
  const shown = path.relative('.', opened.directory) || '.';
  log(
    `${opened.record.status === 'running' && opened.record.seconds === 0 ? 'a new run' : 'going on'} in ${shown}`,
  );
  try {
    const record = await runPipeline({ ...opened, ...surroundings });
    return report(record, shown, log);
  } catch (error) {
    if (signal.aborted) log(`Interrupted; saved. To go on: npm run distill -- --resume ${shown}`);
    throw error;
  }
}

async function openNew(request: Request, surroundings: Surroundings): Promise<Opened> {
  const started = new Date();
  // Where nothing can be written is said before minutes of work, and before any download.
  const early = request.out === undefined ? undefined : await newFolder(request.out, '', started);
  try {
    const engine = await openEngine(request.engine, surroundings);
    const preset = request.preset ?? presetFor(engine, surroundings.log);
    const config = configure(preset, presets[preset], request.changes);
    const pictures = choosePictures(await loadCifar10(surroundings), config.data);
    const directory = early ?? (await newFolder(undefined, preset, started));
    const command = commandOf(preset, engine.name, request.changes);
    return {
      directory,
      record: await newRecord({ config, pictures, engine, command, started }),
      pictures,
    };
  } catch (error) {
    if (early !== undefined) await removeIfEmpty(early);
    throw error;
  }
}

async function openAgain(
  request: Request,
  wanted: string,
  surroundings: Surroundings,
): Promise<Opened> {
  const { directory, record }: FoundRun = await findRun(wanted);
  expectSameRun(request, record, path.relative('.', directory));
  await openEngine(record.environment.engine.name as EngineName, surroundings);
  const pictures = choosePictures(await loadCifar10(surroundings), record.config.data);
  const now = await describePictures(pictures);
  for (const set of ['train', 'held', 'test'] as const) {
    const remedy = 'these are other pictures; start a new run';
    ensure(
      now[set].identity === record.data[set].identity,
      `--resume ${directory}`,
      `${set} pictures ${record.data[set].identity}`,
      now[set].identity,
      remedy,
    );
  }
  return { directory, record, pictures };
}

function presetFor({ name }: Engine, log: (line: string) => void): PresetName {
  if (name === 'tensorflow' || name === 'webgpu') return 'quick';
  log('');
  log(`  The fast engine is not here, so this run takes the smaller preset quick-wasm on ${name}.`);
  log('  To get it: npx kd-engine install   (why it is not here: npx kd-engine doctor)');
  log('');
  return 'quick-wasm';
}

function report(record: RunRecord, shown: string, log: (line: string) => void): boolean {
  const summary = summarize(record);
  ensure(
    summary !== undefined,
    shown,
    'results of all networks',
    'a run without some',
    'resume it',
  );
  const { sentence, holds = true } = conclude(record, summary);
  log(`\n${table(summary)}\n\n${sentence}`);
  const extra = besides(record);
  if (extra !== undefined) log(extra);
  if (!holds)
    log(
      `kd: preset ${record.config.preset}: expected the distilled student to beat the student alone, and it did not; more seeds (--seeds 3) tell chance from effect.`,
    );
  log(`Took ${duration(record.seconds)}. Report: ${path.join(shown, 'report.html')}`);
  return holds;
}
