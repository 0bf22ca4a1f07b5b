import { type BatchSource, decodeSafetensors, encodeSafetensors, type Network, unexpected } from '@kd/core';
import { countOperations } from '@kd/models';
import { evaluate } from '@kd/trainer';
import { tidy } from '@tensorflow/tfjs-core';
import { percent } from '../format.ts';
import { type Actor, stageName } from '../record/runRecord.ts';
import { type Context, plainBatches, storeOf, trained } from './context.ts';

const file = 'test-logits.safetensors';

/** The test set, once: what a network is worth and what it costs. Its logits are kept for the report. */
export async function testStage(context: Context, actor: Actor, seed: number): Promise<void> {
  const { ledger, log, pictures } = context;
  const name = stageName(actor, seed);
  if (ledger.record.results[name] === undefined) {
    const network = await trained(context, actor, seed);
    try {
      const source = plainBatches(context, 'test');
      await storeOf(context, name).write(file, await logitsOf(network, source));
      const test = await evaluate(network, source);
      const { parameters, bytes, flops } = countOperations(network, pictures.test.imageShape);
      await ledger.result(name, { actor, seed, parameters, bytes, flops, test });
    } finally {
      network.dispose();
    }
  }
  log(`${name}: ${percent(ledger.record.results[name]?.test.top1 ?? 0, 2)}`);
}

/** What a tested network said. @returns [pictures × classes], before softmax, in the order of the test set's rows. */
export async function readLogits(context: Context, actor: Actor, seed: number): Promise<Float32Array> {
  const store = storeOf(context, stageName(actor, seed));
  const where = `${file} in ${store.place}`;
  const bytes = await store.read(file);
  if (bytes === undefined) throw unexpected('report', where, 'no such file', 'the run was altered; start a new one');
  const data = decodeSafetensors(bytes, where).tensors.logits?.data;
  if (!(data instanceof Float32Array)) throw unexpected(where, 'logits in F32', 'something else');
  return data;
}

async function logitsOf(network: Network, source: BatchSource): Promise<Uint8Array> {
  const classes = source.data.classNames.length;
  const data = new Float32Array(source.rows * classes);
  let done = 0;
  for await (const { images } of source.pass()) {
    const logits = tidy(() => network.forward(images, { training: false }).logits);
    data.set((await logits.data()) as Float32Array, done * classes);
    done += logits.shape[0];
    logits.dispose();
  }
  return encodeSafetensors({ logits: { dtype: 'F32', shape: [source.rows, classes], data } });
}
