import type { Network } from '@kd/core';
import { memoryStore } from '@kd/files';
import { expectClose, expectNoNewTensors } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  bornAgain,
  type ChainOptions,
  type GenerationReport,
  networkTeacher,
  sgd,
  TrainingInterruptedError,
  teacherAssistants,
} from '../../src/index.ts';
import { onCpu } from '../helpers/cpu.ts';
import { linear, numbersOf, tinyCnn } from '../helpers/networks.ts';
import { taught } from '../helpers/objectives.ts';
import { reportsOf } from '../helpers/run.ts';
import { INPUTS, tinySource } from '../helpers/source.ts';

onCpu();

/** What all trainings here share, and the objectives that were made for them. */
function setting() {
  const objectives: ReturnType<typeof taught>[] = [];
  const teacher = tinyCnn(2, 3, 7);
  const options: ChainOptions = {
    teacher,
    objective: () => {
      const made = taught(() => 1);
      objectives.push(made);
      return made;
    },
    data: tinySource(),
    optimizer: sgd({ momentum: 0.9 }),
    learningRate: 0.1,
    epochs: 2,
  };
  const end = (...students: readonly Network[]) =>
    tf.dispose([
      teacher.weights,
      objectives.map(({ weights }) => weights),
      students.map(({ weights }) => weights),
    ]);
  return { options, teacher, objectives, end };
}

const pair = (): [Network, Network] => [tinyCnn(2, 3, 1), linear(INPUTS, 3, 2)];

async function allOf(reports: AsyncIterable<GenerationReport>): Promise<GenerationReport[]> {
  const all: GenerationReport[] = [];
  for await (const report of reports) all.push(report);
  return all;
}

/** The same by hand: each `train`ed with the one before as its teacher. */
async function byHand(students: readonly Network[]) {
  const { options, teacher, end } = setting();
  let before = teacher;
  for (const [link, student] of students.entries()) {
    const { store: _, ...shared } = options;
    await reportsOf({
      ...shared,
      student,
      teacher: networkTeacher(before),
      objective: options.objective(link),
    });
    before = student;
  }
  const weights = students.map((student) => numbersOf(student.weights));
  end(...students);
  return weights;
}

describe('teacherAssistants', () => {
  test('teaches the assistant, then by it the student', async () => {
    const { options, objectives, end } = setting();
    const students = pair();
    const reports = await allOf(teacherAssistants({ ...options, students }));
    expect(reports.map(({ link, epoch, student }) => [link, epoch, student.name])).toEqual([
      [0, 1, 'tinyCnn'],
      [0, 2, 'tinyCnn'],
      [1, 1, 'linear'],
      [1, 2, 'linear'],
    ]);
    expect(objectives).toHaveLength(2);
    expect(students.map(({ weights }) => numbersOf(weights))).toEqual(await byHand(pair()));
    end(...students);
  });
  test('a teacher may be a function of batches', async () => {
    const { options, teacher, end } = setting();
    const students = pair();
    await allOf(teacherAssistants({ ...options, teacher: networkTeacher(teacher), students }));
    expect(numbersOf(students[1].weights)).toEqual((await byHand(pair()))[1]);
    end(...students);
  });
  test('stopped in its second link it goes on there, to the last bit', async () => {
    const stores = [memoryStore(), memoryStore()];
    const store = (link: number) => stores[link] as (typeof stores)[number];
    const first = setting();
    const [stopped, controller] = [pair(), new AbortController()];
    let steps = 0;
    const onStep = () => {
      steps += 1;
      if (steps === 11) controller.abort();
    };
    await expect(
      allOf(
        teacherAssistants({
          ...first.options,
          students: stopped,
          store,
          signal: controller.signal,
          onStep,
        }),
      ),
    ).rejects.toThrow(TrainingInterruptedError);
    first.end(...stopped);

    const second = setting();
    const resumed = pair();
    const reports = await allOf(
      teacherAssistants({ ...second.options, students: resumed, store, resume: true }),
    );
    expect(reports.map(({ link, epoch }) => [link, epoch])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(resumed.map(({ weights }) => numbersOf(weights))).toEqual(await byHand(pair()));
    second.end(...resumed);
  });
  test('it keeps no tensors, and says that there are no students', async () => {
    const { options, end } = setting();
    const students = pair();
    const objective = taught(() => 1);
    await expectNoNewTensors(async () => {
      await allOf(teacherAssistants({ ...options, objective: () => objective, students }));
    });
    tf.dispose(objective.weights);
    await expect(allOf(teacherAssistants({ ...options, students: [] }))).rejects.toThrow(
      new RangeError('teacherAssistants: expected at least one student, got 0.'),
    );
    end(...students);
  });
});

describe('bornAgain', () => {
  test('each generation is made when its turn comes and taught by the one before', async () => {
    const { options, end } = setting();
    const made: number[] = [];
    const student = (generation: number) => {
      made.push(generation);
      return linear(INPUTS, 3, 10 + generation);
    };
    const seen: string[] = [];
    const students: Network[] = [];
    for await (const report of bornAgain({ ...options, generations: 3, student })) {
      seen.push(`${report.link} of ${made.length}`);
      if (report.epoch === 2) students.push(report.student);
    }
    expect(seen).toEqual(['0 of 1', '0 of 1', '1 of 2', '1 of 2', '2 of 3', '2 of 3']);
    const expected = await byHand([10, 11, 12].map((seed) => linear(INPUTS, 3, seed)));
    for (const [at, { weights }] of students.entries())
      expectClose(weights.kernel?.dataSync() ?? [], expected[at]?.kernel ?? [], 1e-9);
    end(...students);
  });
  test('no generations are named', async () => {
    const { options, end } = setting();
    await expect(
      allOf(bornAgain({ ...options, generations: 0, student: () => linear(INPUTS, 3, 1) })),
    ).rejects.toThrow(new RangeError('bornAgain: expected at least one student, got 0.'));
    end();
  });
});
