import { type Batch, expectedError, type Outputs, type Teacher, type ViewKey } from '@kd/core';
import { type Tensor, type Tensor2D, tensor } from '@tensorflow/tfjs-core';
import { sizeOf, tensorOf } from '../recordings/layout.ts';
import { gatherer, placesOf, viewNumbers } from '../recordings/lookUp.ts';
import { oneAtATime } from '../recordings/oneAtATime.ts';
import { keyOf } from '../recordings/part.ts';
import { type RecordedView, readView } from '../recordings/readView.ts';
import { type Recorded, TEACHER_FILE } from './manifest.ts';
import type { CachedTeacherOptions } from './replayTeacher.ts';

/**
 * A recorded teacher with features beside its logits. @throws RangeError on a tap that was not
 * recorded.
 */
export function withTaps(
  { store, file = TEACHER_FILE }: CachedTeacherOptions,
  caller: string,
  { manifest, rows }: Recorded,
  taps: readonly string[],
  logitsOf: (batch: Batch) => Tensor2D,
): Teacher {
  const tensors = manifest.layout?.tensors ?? {};
  const names = taps.map(tensorOf);
  const missing = taps.find((tap) => tensors[tensorOf(tap)] === undefined);
  if (missing !== undefined) {
    const known = Object.keys(tensors).filter((name) => name !== 'logits');
    throw expectedError(
      caller,
      `a recording of the tap ${missing}`,
      known,
      `record the teacher with taps: ['${missing}']`,
    );
  }
  const numberOf = viewNumbers(caller, manifest.views);
  const placesIn = placesOf(caller, rows, 'record the teacher on these pictures too');
  const gather = gatherer();
  const read = oneAtATime(async (number) => {
    if (manifest.layout === undefined) throw expectedError(caller, 'a layout of taps', 'none');
    const parts = { store, file, key: await keyOf(manifest), rows: manifest.rows };
    return readView(parts, manifest.layout, manifest.views[number] as ViewKey, number, rows, names);
  });
  let atHand: { readonly number: number; readonly view: RecordedView } | undefined;
  function outputsOf(batch: Batch, values: RecordedView): Outputs {
    const places = placesIn(batch.indices);
    const features: Record<string, Tensor> = {};
    for (const [at, tap] of taps.entries()) {
      const feature = tensors[names[at] as string] as {
        readonly shape: readonly number[];
        readonly dtype: 'F32' | 'F16';
      };
      const chosen = gather(
        values[names[at] as string] as Float32Array | Uint16Array,
        sizeOf(feature),
        places,
      );
      features[tap] = tensor(chosen, [places.length, ...feature.shape]);
    }
    return { logits: logitsOf(batch), features };
  }
  const teacher = (batch: Batch): Outputs => {
    if (atHand?.number !== numberOf(batch.view))
      throw expectedError(
        caller,
        'to be asked by later',
        'a call for a view not read yet',
        'await teacher.later(batch)',
      );
    return outputsOf(batch, atHand.view);
  };
  const later = async (batch: Batch): Promise<Outputs> => {
    const number = numberOf(batch.view);
    atHand = { number, view: await read(number) };
    return outputsOf(batch, atHand.view);
  };
  return Object.assign(teacher, { later });
}
