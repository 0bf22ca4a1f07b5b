import { klDivergencePerExample } from '@kd/losses';
import * as tf from '@tensorflow/tfjs-core';
import { difference, toleranceOf } from '../compare.ts';
import { type GoldenFile, isObject, type JsonObject } from '../file.ts';
import { inputsOf } from '../inputs.ts';
import type { Recorder } from '../report.ts';
import { numberOf, numbersOf } from '../values.ts';

/** What the section is about where it does not say: its inputs are the file's first. */
const usualInputs: JsonObject = { student: 'S', teacher: 'T', labels: 'y' };

/** `kdPerSample`: the divergence of each example, without T². */
export async function runPerExample(file: GoldenFile, recorder: Recorder): Promise<void> {
  const section = file.kdPerSample;
  if (section === undefined) return;
  const lists = Object.keys(section).filter((name) => Array.isArray(section[name]));
  for (const name of lists) {
    if (name === 'kd') await recorder.check('kdPerSample', name, () => divergences(file, section));
    else recorder.skip('kdPerSample', name);
  }
}

async function divergences(file: GoldenFile, section: JsonObject): Promise<string[]> {
  const got = tf.tidy(() => {
    const inputs = inputsOf(file, { inputs: isObject(section.inputs) ? section.inputs : usualInputs });
    const [student, teacher] = ['student', 'teacher'].map((role) => inputs.tensor(role, inputs.sources) as tf.Tensor2D);
    return klDivergencePerExample(student as tf.Tensor2D, teacher as tf.Tensor2D, { temperature: numberOf(section, 'temperature') });
  });
  const values = await got.data();
  got.dispose();
  return difference('kd', values, numbersOf(section, 'kd'), toleranceOf(file).value);
}
