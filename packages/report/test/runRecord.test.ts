import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openRunRecord, readRunRecord } from '../src/node/index.ts';
import { parseRunRecord } from '../src/parseRunRecord.ts';
import { formatRunRecord, type RunRecord } from '../src/runRecord.ts';
import { sampleRun } from './fixtures/sampleRun.ts';

const { record } = sampleRun();
const formatted = formatRunRecord(record);
const directory = mkdtempSync(path.join(tmpdir(), 'kd-record-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Parses the sample with one field replaced. */
function parseWith(at: readonly string[], value: unknown): RunRecord {
  const changed = JSON.parse(formatted) as Record<string, unknown>;
  const parent = at
    .slice(0, -1)
    .reduce<Record<string, unknown>>(
      (object, name) => object[name] as Record<string, unknown>,
      changed,
    );
  parent[at.at(-1) as string] = value;
  return parseRunRecord(JSON.stringify(changed), 'run.json');
}

describe('the record as JSON', () => {
  test('is read as it was written; further fields stay', () => {
    expect(parseRunRecord(formatted, 'run.json')).toEqual(record);
    expect(parseWith(['config', 'module'], './data.ts').config).toHaveProperty('module');
  });

  test('a number that is not finite is read as NaN', () => {
    const epochs = ['trainings', 'teacher', 'epochs', '0'];
    expect(parseWith([...epochs, 'gradientNorm'], null)).toHaveProperty(
      [...epochs, 'gradientNorm'],
      Number.NaN,
    );
  });

  test.each([
    [
      ['status'],
      'done',
      'run.json: status: expected one of running, interrupted, failed, finished, got done.',
    ],
    [['seconds'], '<b>', 'run.json: seconds: expected a number, got <b>.'],
    [['config', 'seeds'], [], 'run.json: config.seeds: expected at least one seed, got none.'],
    [['config', 'teacher'], 'resnet', 'run.json: config.teacher: expected an object, got resnet.'],
    [['config', 'teacher', 'clipNorm'], '1', 'config.teacher.clipNorm: expected a number, got 1.'],
    [
      ['config', 'optimizer'],
      { name: 'sgd', batchSize: 1 },
      'optimizer.momentum: expected a number',
    ],
    [['data', 'classNames', '3'], 7, 'run.json: data.classNames[3]: expected a text, got 7.'],
    [['data', 'imageShape'], [32, 32], 'data.imageShape: expected 3 numbers, got a list of 2.'],
    [
      ['results', 'teacher', 'test', 'top1'],
      {},
      'results.teacher.test.top1: expected a number, got an object.',
    ],
    [
      ['results', 'teacher', 'test', 'confusion', '0', '0'],
      '1<',
      'confusion[0][0]: expected a number',
    ],
    [['results', 'teacher', 'role'], 'x"onload', 'expected one of teacher, baseline, distilled'],
    [
      ['trainings', '../../x'],
      {},
      'trainings: expected names of letters, digits and hyphens, got ../../x.',
    ],
    [
      ['trainings', 'teacher', 'epochs'],
      {},
      'trainings.teacher.epochs: expected a list, got an object.',
    ],
    [['caches', 'a'], undefined, undefined],
    [['environment'], undefined, 'run.json: environment: expected an object, got nothing.'],
  ])('checks %s', (at, value, message) => {
    if (message === undefined) expect(parseWith(at, value)).toEqual(record);
    else expect(() => parseWith(at, value)).toThrow(message);
  });

  test('other text is refused', () => {
    expect(() => parseRunRecord('{', 'run.json')).toThrow(
      'run.json: expected a run record in JSON',
    );
    for (const text of ['null', '3', '[]'])
      expect(() => parseRunRecord(text, 'run.json')).toThrow('run.json: expected an object');
    expect(() => parseRunRecord('{}', 'run.json')).toThrow(
      'run.json: expected a run record of format 2, got an object without format; it is of another version.',
    );
    expect(() => parseWith(['format'], 3)).toThrow('got format 3; it is of another version.');
  });
});

describe('run.json', () => {
  test('a run of the version before is refused by name, with what to do', async () => {
    const old = readFileSync(new URL('fixtures/runFormat1.json', import.meta.url));
    const file = path.join(directory, 'run.json');
    writeFileSync(file, old);
    await expect(readRunRecord(directory)).rejects.toThrow(
      `${file}: expected a run record of format 2, got format 1; an earlier version wrote it: start a new run; its report.html can still be opened.`,
    );
    rmSync(file);
  });

  test('every change is on disk when its promise resolves', async () => {
    expect(await readRunRecord(directory)).toBeUndefined();
    const { trainings, caches, results } = record;
    const empty: RunRecord = {
      ...record,
      status: 'running',
      trainings: {},
      caches: {},
      results: {},
    };
    const writer = openRunRecord(directory, empty);
    await writer.addTraining('teacher', trainings.teacher as (typeof trainings)[string]);
    await writer.addCache('teacher-0', caches['teacher-0'] as (typeof caches)[string]);
    await writer.addResult('teacher', results.teacher as (typeof results)[string]);
    await writer.update({ status: 'finished' });
    expect(await readRunRecord(directory)).toEqual({
      ...record,
      seconds: writer.record.seconds,
      trainings: { teacher: trainings.teacher },
      caches: { 'teacher-0': caches['teacher-0'] },
      results: { teacher: results.teacher },
    });
    expect(writer.record.seconds).toBeGreaterThan(record.seconds);
    expect(await readRunRecord(path.join(directory, 'run.json'))).toBeUndefined();
  });
});
