import type { Batch, DataLoader, Network, Teacher } from '@kd/core';
import { splitBackbone } from '@kd/models';
import { dispose, type Tensor2D, tensor2d, tidy } from '@tensorflow/tfjs-core';

/**
 * A network as `requires_grad = False` on its body and `model.train()` on the whole have it:
 * gradients reach the head alone, but the body runs with the
 * statistics of each batch, and its running averages move.
 */
export function headTrains(network: Network): Network {
  const moving = Object.entries(network.weights).filter(([, weight]) => !weight.trainable);
  const { name = 'network', preprocessing: preparation = '', forward, dispose } = network;
  return {
    name,
    preprocessing: preparation,
    weights: { ...Object.fromEntries(moving), ...splitBackbone(network).head.weights },
    forward,
    dispose,
  };
}

/**
 * What a network says of every batch of one pass in shuffled order. @returns By number of the
 * batch: [batch, classes].
 */
export async function outputsByNumber(network: Network, source: DataLoader): Promise<Tensor2D[]> {
  const outputs: Tensor2D[] = [];
  for await (const { images } of source.epoch(0)) {
    const logits = tidy(() => network.forward(images, { training: false }).logits);
    outputs.push(tensor2d(await logits.data(), logits.shape));
    dispose(logits);
  }
  return outputs;
}

/**
 * A teacher that says what it said of the batch with the same number in another pass, of other
 * pictures.
 */
export function misaligned(outputs: readonly Tensor2D[]): Teacher {
  const numbers = new WeakMap<Batch, number>();
  let next = 0;
  return (batch) => {
    const number = numbers.get(batch) ?? next++;
    numbers.set(batch, number);
    const said = outputs[number % outputs.length] as Tensor2D;
    return { logits: said.clone(), features: {} };
  };
}
