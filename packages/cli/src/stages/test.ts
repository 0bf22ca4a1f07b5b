import { expectedError } from '@kd/core';
import { decodeSafetensors, encodeSafetensors } from '@kd/files';
import { profile } from '@kd/models';
import { type Actor, percent, stageName } from '@kd/report';
import { evaluate } from '@kd/trainer';
import type { Pupil } from '../record/pupils.ts';
import { type Context, plainBatches, storeOf } from './context.ts';
import { trained } from './trained.ts';

const file = 'test-logits.safetensors';

/**
 * The test set, once: what a network is worth and what it costs. Its logits are kept for the
 * report.
 */
export async function testStage(context: Context, actor: Actor, pupil: Pupil): Promise<void> {
  const { ledger, log, pictures } = context;
  const { name, seed } = pupil;
  if (ledger.record.results[name] === undefined) {
    const network = await trained(context, pupil);
    try {
      const classes = pictures.test.classNames.length;
      const data = new Float32Array(pictures.test.rows.length * classes);
      let filled = 0;
      const onLogits = (logits: Float32Array) => {
        data.set(logits, filled);
        filled += logits.length;
      };
      const test = await evaluate(network, plainBatches(context, 'test'), { onLogits });
      await storeOf(context, name).write(
        file,
        encodeSafetensors({
          logits: { dtype: 'F32', shape: [pictures.test.rows.length, classes], data },
        }),
      );
      const { parameters, bytes, flops } = profile(network, pictures.test.imageShape);
      await ledger.result(name, { actor, seed, parameters, bytes, flops, test });
    } finally {
      network.dispose();
    }
  }
  log(`${name}: ${percent(ledger.record.results[name]?.test.top1 ?? 0, 2)}`);
}

/**
 * What a tested network said. @returns [pictures × classes], before softmax, in the order of the
 * test set's rows.
 */
export async function readLogits(
  context: Context,
  actor: Actor,
  seed: number,
): Promise<Float32Array> {
  const store = storeOf(context, stageName(actor, seed));
  const where = `${file} in ${store.location}`;
  const bytes = await store.read(file);
  if (bytes === undefined)
    throw expectedError('report', where, 'no such file', 'the run was altered; start a new one');
  const data = decodeSafetensors(bytes, where).tensors.logits?.data;
  if (!(data instanceof Float32Array))
    throw expectedError(where, 'logits in F32', 'something else');
  return data;
}
