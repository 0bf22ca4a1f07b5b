import { type Batch, compile, fingerprint, type Network, type Teacher } from '@kd/core';
import { type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { inferenceForm } from '../evaluate.ts';

/**
 * A network as a teacher: always in inference mode (`training: false`), outside the gradient tape,
 * with logits and features. Nothing of the network changes.
 *
 * It is compiled, with batch normalization folded if the network can do that; weights that change
 * later are taken over at the next call. The network still belongs to the caller.
 */
export function networkTeacher(network: Network): Teacher {
  const { forward, refresh } = inferenceForm(network);
  const run = compile((images: Tensor4D) =>
    tidy(() => {
      const { logits, features } = forward(images);
      return { logits, features: { ...features } };
    }),
  );
  const teacher = ({ images }: Batch) => {
    refresh();
    return run(images);
  };
  const predictAsync = async ({ images }: Batch) => {
    refresh();
    return run.callAsync(images);
  };
  return Object.assign(teacher, { predictAsync, fingerprint: () => fingerprint(network) });
}
