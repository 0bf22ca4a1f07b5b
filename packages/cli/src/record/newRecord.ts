import type { Engine } from '@kd/engine';
import type { RunConfig } from '../config.ts';
import { describeEnvironment } from '../environment.ts';
import { describePictures, type Pictures } from '../pictures.ts';
import type { RunRecord } from './run.ts';

export interface NewRun {
  readonly config: RunConfig;
  readonly pictures: Pictures;
  readonly engine: Engine;
  /** Repeats the run. */
  readonly command: string;
  readonly started: Date;
}

/** Of a run that has done nothing yet. */
export async function newRecord({
  config,
  pictures,
  engine,
  command,
  started,
}: NewRun): Promise<RunRecord> {
  return {
    format: 1,
    status: 'running',
    started: started.toISOString(),
    seconds: 0,
    command,
    config,
    environment: await describeEnvironment(engine),
    data: await describePictures(pictures),
    trainings: {},
    recordings: {},
    results: {},
  };
}
