import { crossEntropyPerExample, decoupledDivergence, klDivergencePerExample } from '@kd/losses';
import * as tf from '@tensorflow/tfjs-core';
import { difference, toleranceOf } from '../format/compare.ts';
import { type GoldenFile, isObject, type JsonObject } from '../format/file.ts';
import type { Recorder } from '../format/report.ts';
import { numberOf, numbersOf } from '../format/values.ts';
import { inputsOf } from '../inputs/inputs.ts';

/** The inputs of a section that names none: the first of the file. */
const usualInputs: JsonObject = { student: 'S', teacher: 'T', labels: 'y' };

interface Logits {
  readonly student: tf.Tensor2D;
  readonly teacher: tf.Tensor2D;
  readonly labels: tf.Tensor1D;
  readonly temperature: number;
}

/** Functions for the lists of numbers of the section. */
const quantities: Readonly<Record<string, (logits: Logits) => tf.Tensor1D>> = {
  kd: ({ student, teacher, temperature }) =>
    klDivergencePerExample(student, teacher, { temperature }),
  tckd: ({ student, teacher, labels, temperature }) =>
    decoupledDivergence(student, teacher, labels, { temperature }).label,
  nckd: ({ student, teacher, labels, temperature }) =>
    decoupledDivergence(student, teacher, labels, { temperature }).others,
  teacherTargetProbability: ({ teacher, labels, temperature }) =>
    tf.exp(tf.neg(crossEntropyPerExample(tf.div<tf.Tensor2D>(teacher, temperature), labels))),
};

/**
 * `kdPerSample`: the divergence of each example without T², and its parts: `kd` = `tckd` + (1 −
 * `teacherTargetProbability`) · `nckd`.
 */
export async function runPerExample(file: GoldenFile, recorder: Recorder): Promise<void> {
  const section = file.kdPerSample;
  if (section === undefined) return;
  for (const name of Object.keys(section).filter((key) => Array.isArray(section[key]))) {
    const of = quantities[name];
    if (of === undefined) recorder.skip('kdPerSample', name);
    else await recorder.check('kdPerSample', name, () => differencesOf(file, section, name, of));
  }
}

async function differencesOf(
  file: GoldenFile,
  section: JsonObject,
  name: string,
  of: (logits: Logits) => tf.Tensor1D,
): Promise<string[]> {
  const got = tf.tidy(() => {
    const { tensor, sources } = inputsOf(file, {
      inputs: isObject(section.inputs) ? section.inputs : usualInputs,
    });
    const [student, teacher] = ['student', 'teacher'].map((role) => tensor(role, sources)) as [
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    return of({
      student,
      teacher,
      labels: tensor('labels', sources) as tf.Tensor1D,
      temperature: numberOf(section, 'temperature'),
    });
  });
  const values = await got.data();
  got.dispose();
  return difference(name, values, numbersOf(section, name), toleranceOf(file).value);
}
