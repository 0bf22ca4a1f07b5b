import { expectedError, type Network } from '@kd/core';
import { loadVariables } from '@kd/trainer';
import type { Pupil } from '../record/pupils.ts';
import { type Context, storeOf, untrained } from './context.ts';
import { studentOf } from './student.ts';

/** A network with the weights of its best epoch on the held-out pictures. */
export async function trained(context: Context, pupil: Pupil): Promise<Network> {
  const store = storeOf(context, pupil.name);
  const bytes = await store.read('best.safetensors');
  if (bytes === undefined)
    throw expectedError(
      store.location,
      'best.safetensors',
      'no such file',
      'the run was altered; start a new one',
    );
  const teacher = pupil.teacher && untrained(context, pupil.teacher);
  const { trains, keeps } = studentOf(context, pupil, teacher);
  teacher?.dispose();
  await loadVariables(trains, bytes, `best.safetensors in ${store.location}`);
  return keeps;
}
